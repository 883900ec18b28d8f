"""An S3 bucket for Pulumi's state and a KMS key for its secrets."""

import json
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from cnai.clouds.aws.settings import AwsSettings
from cnai.errors import FailedError, UserError
from cnai.operations.adapters import library
from cnai.operations.aws.session import explained
from cnai.operations.bootstrap import StateStore
from cnai.operations.covering import covers

OLD_VERSIONS_DAYS = 90
"""How long overwritten or deleted objects can be restored."""


@dataclass(frozen=True)
class Setting:
    """One property of a bucket: how to read it, the error code for its absence, how to set it, and the value."""

    name: str
    operation: str
    """`get_bucket_<operation>` and `put_bucket_<operation>`."""
    absent: str
    wanted: Mapping[str, Any]
    """Arguments of the put; the get returns the same."""
    put: str = ""
    get: str = ""


def bucket_name(env: str, account: str) -> str:
    """Bucket names are global across AWS: the account number makes this one ours."""
    return f"cnai-{env}-{account}"


def tls_only(bucket: str) -> dict[str, Any]:
    resources = [f"arn:aws:s3:::{bucket}", f"arn:aws:s3:::{bucket}/*"]
    return {
        "Version": "2012-10-17",
        "Statement": [
            {
                "Sid": "TlsOnly",
                "Effect": "Deny",
                "Principal": "*",
                "Action": "s3:*",
                "Resource": resources,
                "Condition": {"Bool": {"aws:SecureTransport": "false"}},
            }
        ],
    }


BLOCKED = ("BlockPublicAcls", "IgnorePublicAcls", "BlockPublicPolicy", "RestrictPublicBuckets")
FORGET_OLD = {
    "ID": "old-versions",
    "Status": "Enabled",
    "Filter": {"Prefix": ""},
    "NoncurrentVersionExpiration": {"NoncurrentDays": OLD_VERSIONS_DAYS},
    "AbortIncompleteMultipartUpload": {"DaysAfterInitiation": 7},
}


def encrypted_with(key_arn: str) -> dict[str, Any]:
    default = {"SSEAlgorithm": "aws:kms", "KMSMasterKeyID": key_arn}
    return {"Rules": [{"ApplyServerSideEncryptionByDefault": default, "BucketKeyEnabled": True}]}


def bucket_settings(bucket: str, key_arn: str) -> tuple[Setting, ...]:
    return (
        Setting(
            "public access blocked",
            "public_access_block",
            "NoSuchPublicAccessBlockConfiguration",
            {"PublicAccessBlockConfiguration": dict.fromkeys(BLOCKED, True)},
            put="put_public_access_block",
            get="get_public_access_block",
        ),
        Setting(
            "ownership: bucket owner enforced",
            "ownership_controls",
            "OwnershipControlsNotFoundError",
            {"OwnershipControls": {"Rules": [{"ObjectOwnership": "BucketOwnerEnforced"}]}},
        ),
        Setting("versioning", "versioning", "", {"VersioningConfiguration": {"Status": "Enabled"}}),
        Setting(
            "encryption with the key",
            "encryption",
            "ServerSideEncryptionConfigurationNotFoundError",
            {"ServerSideEncryptionConfiguration": encrypted_with(key_arn)},
        ),
        Setting("TLS only", "policy", "NoSuchBucketPolicy", {"Policy": tls_only(bucket)}),
        Setting(
            f"old versions deleted after {OLD_VERSIONS_DAYS} days",
            "lifecycle_configuration",
            "NoSuchLifecycleConfiguration",
            {"LifecycleConfiguration": {"Rules": [FORGET_OLD]}},
        ),
    )


def bootstrap(env: str, settings: AwsSettings, bucket: str = "") -> StateStore:
    session = library("boto3").Session(region_name=settings.region)
    with explained("bootstrap"):
        account = session.client("sts").get_caller_identity()["Account"]
        name = bucket or bucket_name(env, account)
        s3, kms = session.client("s3"), session.client("kms")
        owned = _owned(s3, name)
        # A name owned by another account is rejected before creating a key that nobody needs.
        made = [] if owned else [_create(s3, name, settings.region)]
        key_arn, changes = _key(kms, env)
        made += [*changes, *_configure(s3, name, account, key_arn)]
    return StateStore(
        backend=f"s3://{name}?region={settings.region}&awssdk=v2",
        secrets_provider=f"awskms://alias/{alias(env)}?region={settings.region}&awssdk=v2",
        changes=tuple(made),
    )


def alias(env: str) -> str:
    return f"cnai-{env}"


def _owned(s3: Any, name: str) -> bool:
    pages = s3.get_paginator("list_buckets").paginate(Prefix=name)
    return any(bucket["Name"] == name for page in pages for bucket in page.get("Buckets", []))


def _create(s3: Any, name: str, region: str) -> str:
    # us-east-1 must not be given as a LocationConstraint.
    place = {} if region == "us-east-1" else {"CreateBucketConfiguration": {"LocationConstraint": region}}
    try:
        s3.create_bucket(Bucket=name, **place)
    except s3.exceptions.BucketAlreadyExists:
        raise UserError(f"the bucket {name} belongs to another account: name another with --bucket") from None
    return f"bucket {name}"


def _key(kms: Any, env: str) -> tuple[str, list[str]]:
    """The key behind the alias, and the changes made."""
    name, changes = f"alias/{alias(env)}", list[str]()
    try:
        key = kms.describe_key(KeyId=name)["KeyMetadata"]
    except kms.exceptions.NotFoundException:
        purpose = f"Pulumi state and secrets of {env}"
        tags = [{"TagKey": "cnai.dev/environment", "TagValue": env}]
        key = kms.create_key(Description=purpose, Tags=tags)["KeyMetadata"]
        kms.create_alias(AliasName=name, TargetKeyId=key["KeyId"])
        changes.append(f"KMS key {name}")
    if key["KeyState"] != "Enabled":
        raise FailedError(f"the KMS key {name} is {key['KeyState']}: enable it, or cancel its deletion, and try again")
    if not kms.get_key_rotation_status(KeyId=key["KeyId"])["KeyRotationEnabled"]:
        kms.enable_key_rotation(KeyId=key["KeyId"])
        changes.append(f"yearly rotation of {name}")
    return key["Arn"], changes


def _configure(s3: Any, name: str, account: str, key_arn: str) -> Iterator[str]:
    where = {"Bucket": name, "ExpectedBucketOwner": account}
    for setting in bucket_settings(name, key_arn):
        current = _current(s3, getattr(s3, setting.get or f"get_bucket_{setting.operation}"), setting, where)
        if not covers(current, setting.wanted):
            given = {key: json.dumps(value) if key == "Policy" else value for key, value in setting.wanted.items()}
            getattr(s3, setting.put or f"put_bucket_{setting.operation}")(**where, **given)
            yield setting.name


def _current(s3: Any, get: Callable[..., dict[str, Any]], setting: Setting, where: Mapping[str, str]) -> dict[str, Any]:
    try:
        found = get(**where)
    except s3.exceptions.ClientError as error:
        if error.response["Error"]["Code"] != setting.absent:
            raise
        return {}
    if "Policy" in found:
        return {"Policy": json.loads(found["Policy"])}
    # Versioning and lifecycle are returned without the wrapper that their put requires.
    (wrapper,) = setting.wanted
    return found if wrapper in found else {wrapper: found}
