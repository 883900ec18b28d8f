"""S3: models, data and backups, versioned, encrypted with their own key, TLS only and never public."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, get_args

import pulumi
import pulumi_aws as aws

from cnai.clouds.aws.documents import only_tls, team_data
from cnai.clouds.aws.identity import association, pod_role
from cnai.clouds.protocol import Purpose

_KeyOf = aws.s3.BucketServerSideEncryptionConfigurationRuleApplyServerSideEncryptionByDefaultArgs
OLD_VERSIONS_DAYS: Mapping[Purpose, int] = {"models": 90, "data": 30, "backups": 90}


def lifecycle(purpose: Purpose) -> list[dict[str, Any]]:
    """Checkpoints that were overwritten, and uploads that were never finished, cost as much as the rest."""
    old = {"noncurrent_days": OLD_VERSIONS_DAYS[purpose]}
    return [
        {"id": "old-versions", "status": "Enabled", "filter": {}, "noncurrent_version_expiration": old},
        {
            "id": "unfinished-uploads",
            "status": "Enabled",
            "filter": {},
            "abort_incomplete_multipart_upload": {"days_after_initiation": 7},
        },
    ]


@dataclass(frozen=True, kw_only=True)
class AwsBucketsArgs:
    environment: str
    region: str
    cluster: pulumi.Input[str]
    """The EKS cluster whose pods get at them."""
    provider: aws.Provider
    disposable: bool = False


class AwsBuckets(pulumi.ComponentResource):
    """One bucket for each purpose."""

    endpoint: pulumi.Output[str]
    names: Mapping[Purpose, pulumi.Output[str]]

    def __init__(self, name: str, args: AwsBucketsArgs, opts: pulumi.ResourceOptions | None = None) -> None:
        super().__init__("cnai:clouds:AwsBuckets", name, {}, opts)
        self._name, self._args = name, args
        self._kept = pulumi.ResourceOptions(parent=self, protect=not args.disposable)
        self._key = aws.kms.Key(
            name,
            description=f"Buckets of {args.environment}",
            enable_key_rotation=True,
            deletion_window_in_days=30,
            opts=self._kept,
        )
        self._buckets = {purpose: self._bucket(purpose) for purpose in get_args(Purpose)}
        self.names = {purpose: bucket.bucket for purpose, bucket in self._buckets.items()}
        self.endpoint = pulumi.Output.from_input(f"https://s3.{args.region}.amazonaws.com")
        self.register_outputs({"endpoint": self.endpoint})

    def _bucket(self, purpose: Purpose) -> aws.s3.Bucket:
        name, inside = f"{self._name}-{purpose}", pulumi.ResourceOptions(parent=self)
        # The account's buckets share one name space with everybody's: AWS completes the prefix.
        bucket = aws.s3.Bucket(name, bucket_prefix=f"{self._args.environment}-{purpose}-", opts=self._kept)
        closed = aws.s3.BucketPublicAccessBlock(
            name,
            bucket=bucket.bucket,
            block_public_acls=True,
            block_public_policy=True,
            ignore_public_acls=True,
            restrict_public_buckets=True,
            opts=inside,
        )
        versioned = aws.s3.BucketVersioning(
            name, bucket=bucket.bucket, versioning_configuration={"status": "Enabled"}, opts=inside
        )
        aws.s3.BucketServerSideEncryptionConfiguration(
            name, bucket=bucket.bucket, rules=[self._encryption()], opts=inside
        )
        after = pulumi.ResourceOptions(parent=self, depends_on=[closed, versioned])
        policy = pulumi.Output.json_dumps(only_tls(bucket.arn))
        aws.s3.BucketPolicy(name, bucket=bucket.bucket, policy=policy, opts=after)
        rules = [aws.s3.BucketLifecycleConfigurationRuleArgs(**rule) for rule in lifecycle(purpose)]
        aws.s3.BucketLifecycleConfiguration(name, bucket=bucket.bucket, rules=rules, opts=after)
        return bucket

    def _encryption(self) -> aws.s3.BucketServerSideEncryptionConfigurationRuleArgs:
        """A key for the bucket, not for every object: KMS is asked a hundredth as often."""
        return aws.s3.BucketServerSideEncryptionConfigurationRuleArgs(
            bucket_key_enabled=True,
            apply_server_side_encryption_by_default=_KeyOf(sse_algorithm="aws:kms", kms_master_key_id=self._key.arn),
        )

    def team_access(self, team: str, namespace: str, service_account: str, opts: pulumi.ResourceOptions) -> None:
        """A role for that service account, through Pod Identity."""
        name = f"{self._name}-{team}"
        own = pulumi.ResourceOptions.merge(opts, pulumi.ResourceOptions(providers=[self._args.provider]))
        data = team_data(team, self._buckets["models"].arn, self._buckets["data"].arn, self._key.arn)
        role = pod_role(name, namespace, service_account, own, inline=data)
        association(name, self._args.cluster, role, namespace, service_account, own)
