"""A Cloud Storage bucket for Pulumi's state and a Cloud KMS key for it and its secrets.

Written against google-cloud-storage 3 and google-cloud-kms 3; never run against Google Cloud.
"""

from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from typing import Any

from cnai.clouds.gcp.settings import GcpSettings
from cnai.errors import UserError
from cnai.operations.adapters import library
from cnai.operations.bootstrap import StateStore
from cnai.operations.gcp.session import explained

OLD_VERSIONS_DAYS = 90
ROTATION = timedelta(days=90)
RING = "cnai"
ENCRYPTS = "roles/cloudkms.cryptoKeyEncrypterDecrypter"


def bootstrap(env: str, settings: GcpSettings, bucket: str = "") -> StateStore:
    storage, kms = library("google.cloud.storage"), library("google.cloud.kms_v1")
    name = bucket or f"cnai-{env}-{settings.project_number}"
    with explained("bootstrap"):
        buckets, keys = storage.Client(project=settings.project), kms.KeyManagementServiceClient()
        found = owned(buckets, name, settings.project_number)
        key, made = state_key(keys, env, settings)
        agent = buckets.get_service_account_email(project=settings.project)
        made += [*may_encrypt(keys, key, agent)]
        made += [*configured(found or buckets.bucket(name), key, settings.region, new=found is None)]
    return StateStore(backend=f"gs://{name}", secrets_provider=f"gcpkms://{key}", changes=tuple(made))


def owned(buckets: Any, name: str, project_number: int) -> Any:
    """The bucket of this name, if this project owns it; None if it does not exist."""
    api = library("google.api_core.exceptions")
    try:
        found = buckets.lookup_bucket(name)
    except api.Forbidden:
        raise _taken(name) from None
    if found is not None and int(found.project_number) != project_number:
        raise _taken(name)
    return found


def state_key(keys: Any, env: str, settings: GcpSettings) -> tuple[str, list[str]]:
    """The key's name, and what was created for it. Rings and keys cannot be deleted, so there is one ring."""
    api, made = library("google.api_core.exceptions"), list[str]()
    place = f"projects/{settings.project}/locations/{settings.region}"
    ring, key = f"{place}/keyRings/{RING}", f"{place}/keyRings/{RING}/cryptoKeys/cnai-{env}"
    try:
        keys.get_key_ring(name=ring)
    except api.NotFound:
        keys.create_key_ring(parent=place, key_ring_id=RING, key_ring={})
        made.append(f"key ring {RING}")
    try:
        keys.get_crypto_key(name=key)
    except api.NotFound:
        facts = {
            "purpose": "ENCRYPT_DECRYPT",
            "rotation_period": ROTATION,
            "next_rotation_time": datetime.now(UTC) + ROTATION,
            "labels": {"environment": env},
        }
        keys.create_crypto_key(parent=ring, crypto_key_id=f"cnai-{env}", crypto_key=facts)
        made.append(f"KMS key cnai-{env}, rotated every {ROTATION.days} days")
    return key, made


def may_encrypt(keys: Any, key: str, agent: str) -> Iterator[str]:
    """Cloud Storage itself uses the key, through the project's service agent."""
    policy, member = keys.get_iam_policy(request={"resource": key}), f"serviceAccount:{agent}"
    if any(binding.role == ENCRYPTS and member in binding.members for binding in policy.bindings):
        return
    policy.bindings.add(role=ENCRYPTS, members=[member])
    keys.set_iam_policy(request={"resource": key, "policy": policy})
    yield f"Cloud Storage may use {key.rpartition('/')[2]}"


def configured(bucket: Any, key: str, region: str, *, new: bool) -> Iterator[str]:
    """Sets everything that differs, in one update."""
    access, said = bucket.iam_configuration, list[str]()
    if not bucket.versioning_enabled:
        bucket.versioning_enabled = True
        said.append("versioning")
    if not access.uniform_bucket_level_access_enabled or access.public_access_prevention != "enforced":
        access.uniform_bucket_level_access_enabled, access.public_access_prevention = True, "enforced"
        said.append("public access prevented")
    if bucket.default_kms_key_name != key:
        bucket.default_kms_key_name = key
        said.append("encryption with the key")
    if not any(rule["condition"].get("daysSinceNoncurrentTime") for rule in bucket.lifecycle_rules):
        bucket.add_lifecycle_delete_rule(days_since_noncurrent_time=OLD_VERSIONS_DAYS)
        said.append(f"old versions deleted after {OLD_VERSIONS_DAYS} days")
    if new:
        _create(bucket, region)
        yield f"bucket {bucket.name}"
    elif said:
        bucket.patch()
    yield from said


def _create(bucket: Any, region: str) -> None:
    try:
        bucket.create(location=region)
    except library("google.api_core.exceptions").Conflict:
        raise _taken(bucket.name) from None


def _taken(name: str) -> UserError:
    return UserError(f"the bucket {name} belongs to another project: name another with --bucket")
