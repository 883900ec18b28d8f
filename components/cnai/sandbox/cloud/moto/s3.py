"""S3 in moto: buckets, and what is set on them."""

from collections.abc import Mapping
from typing import Any

from cnai.sandbox.cloud.backends import Made
from cnai.sandbox.cloud.moto.calls import AwsError, Calls
from cnai.sandbox.cloud.moto.handler import Handler, Inputs, renamed, tag_list
from cnai.sandbox.cloud.moto.iam import document
from cnai.sandbox.cloud.store import CloudResource

DEFAULT_REGION = "us-east-1"
"""The only region that a bucket's configuration must not name."""


def bucket(calls: Calls, inputs: Inputs) -> Made:
    name = inputs.get("bucket") or calls.made_up(f"{inputs['bucketPrefix']}{{number:26}}")
    place = None if calls.region == DEFAULT_REGION else {"LocationConstraint": calls.region}
    try:
        calls("s3", "create_bucket", Bucket=name, CreateBucketConfiguration=place)
    except AwsError as error:
        if error.code != "BucketAlreadyOwnedByYou":
            raise
    if found := tag_list(inputs):
        calls("s3", "put_bucket_tagging", Bucket=name, Tagging={"TagSet": found})
    return Made(name, {"bucket": name})


def bucket_gone(calls: Calls, record: CloudResource) -> None:
    """`forceDestroy` takes what is in it along, as the provider does; else AWS refuses a bucket that is not empty."""
    if record.outputs.get("forceDestroy"):
        found = calls("s3", "list_object_versions", Bucket=record.id)
        for each in (*found.get("Versions", ()), *found.get("DeleteMarkers", ())):
            calls("s3", "delete_object", Bucket=record.id, Key=each["Key"], VersionId=each["VersionId"])
    calls("s3", "delete_bucket", Bucket=record.id)


def versioning(calls: Calls, inputs: Inputs) -> Made:
    status = inputs["versioningConfiguration"]["status"]
    if status != "Disabled":
        calls("s3", "put_bucket_versioning", Bucket=inputs["bucket"], VersioningConfiguration={"Status": status})
    return Made()


def encryption(calls: Calls, inputs: Inputs) -> Made:
    rules = [_encryption_rule(each) for each in inputs["rules"]]
    configuration = {"Rules": rules}
    calls("s3", "put_bucket_encryption", Bucket=inputs["bucket"], ServerSideEncryptionConfiguration=configuration)
    return Made()


def _encryption_rule(rule: Mapping[str, Any]) -> dict[str, Any]:
    default = rule.get("applyServerSideEncryptionByDefault") or {}
    names = {"sseAlgorithm": "SSEAlgorithm", "kmsMasterKeyId": "KMSMasterKeyID"}
    found: dict[str, Any] = {"ApplyServerSideEncryptionByDefault": renamed(default, **names)} if default else {}
    return found | renamed(rule, bucketKeyEnabled="BucketKeyEnabled")


def public_access(calls: Calls, inputs: Inputs) -> Made:
    names = {
        "blockPublicAcls": "BlockPublicAcls",
        "blockPublicPolicy": "BlockPublicPolicy",
        "ignorePublicAcls": "IgnorePublicAcls",
        "restrictPublicBuckets": "RestrictPublicBuckets",
    }
    configuration = renamed(inputs, **names)
    calls("s3", "put_public_access_block", Bucket=inputs["bucket"], PublicAccessBlockConfiguration=configuration)
    return Made()


def ownership(calls: Calls, inputs: Inputs) -> Made:
    controls = {"Rules": [{"ObjectOwnership": inputs["rule"]["objectOwnership"]}]}
    calls("s3", "put_bucket_ownership_controls", Bucket=inputs["bucket"], OwnershipControls=controls)
    return Made()


def policy(calls: Calls, inputs: Inputs) -> Made:
    calls("s3", "put_bucket_policy", Bucket=inputs["bucket"], Policy=document(inputs["policy"]))
    return Made()


def there(calls: Calls, record: CloudResource) -> Any:
    """The settings of a bucket are there as long as it is."""
    return calls("s3", "head_bucket", Bucket=record.inputs["bucket"])


def _setting(make: Any, drop: str) -> Handler:
    return Handler(
        make=make,
        change=lambda calls, record, inputs: make(calls, inputs),
        drop=lambda calls, record: calls("s3", drop, Bucket=record.inputs["bucket"]) if drop else None,
        look=there,
    )


HANDLERS: Mapping[str, Handler] = {
    "aws:s3/bucket:Bucket": Handler(
        make=bucket, drop=bucket_gone, look=lambda calls, record: calls("s3", "head_bucket", Bucket=record.id)
    ),
    # What was versioned stays so: the provider only suspends it, and the bucket goes in a moment.
    "aws:s3/bucketVersioning:BucketVersioning": _setting(versioning, ""),
    "aws:s3/bucketServerSideEncryptionConfiguration:BucketServerSideEncryptionConfiguration": _setting(
        encryption, "delete_bucket_encryption"
    ),
    "aws:s3/bucketPublicAccessBlock:BucketPublicAccessBlock": _setting(public_access, "delete_public_access_block"),
    "aws:s3/bucketOwnershipControls:BucketOwnershipControls": _setting(ownership, "delete_bucket_ownership_controls"),
    "aws:s3/bucketPolicy:BucketPolicy": _setting(policy, "delete_bucket_policy"),
}
