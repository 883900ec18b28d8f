"""Cloud Storage: models, data and backups, never public, kept when overwritten, each team in its own part."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import pulumi
import pulumi_gcp as gcp

from cnai.clouds.gcp.identity import principal
from cnai.clouds.gcp.options import inside
from cnai.clouds.protocol import Purpose

PURPOSES: tuple[Purpose, ...] = ("models", "data", "backups")
ENDPOINT = "https://storage.googleapis.com"
DAY_S = 24 * 3600
SOFT_DELETE_DAYS, OLD_VERSION_DAYS, PART_DAYS, BACKUP_DAYS = 7, 30, 7, 30


@dataclass(frozen=True, kw_only=True)
class GcpBucketsArgs:
    project: str
    number: int
    region: str
    key: pulumi.Input[str] | None = None
    """Cloud KMS key; Google's own where there is none."""
    disposable: bool = False


def bucket(purpose: Purpose, args: GcpBucketsArgs) -> dict[str, Any]:
    spec: dict[str, Any] = {
        "location": args.region,
        "storage_class": "STANDARD",
        "uniform_bucket_level_access": True,
        "public_access_prevention": "enforced",
        "versioning": {"enabled": True},
        "soft_delete_policy": {"retention_duration_seconds": 0 if args.disposable else SOFT_DELETE_DAYS * DAY_S},
        "lifecycle_rules": lifecycle(purpose),
        "force_destroy": args.disposable,
    }
    return spec | ({"encryption": {"default_kms_key_name": args.key}} if args.key is not None else {})


def lifecycle(purpose: Purpose) -> list[dict[str, Any]]:
    old = {"days_since_noncurrent_time": OLD_VERSION_DAYS, "with_state": "ARCHIVED"}
    rules: list[dict[str, Any]] = [
        {"action": {"type": "Delete"}, "condition": old},
        {"action": {"type": "AbortIncompleteMultipartUpload"}, "condition": {"age": PART_DAYS}},
    ]
    if purpose == "backups":
        colder = {"type": "SetStorageClass", "storage_class": "NEARLINE"}
        rules.append({"action": colder, "condition": {"age": BACKUP_DAYS, "matches_storage_classes": ["STANDARD"]}})
    return rules


def below(bucket_name: str, team: str) -> Any:
    """IAM condition: objects below `<team>/`, and lists of nothing else.

    https://docs.cloud.google.com/iam/docs/conditions-attribute-reference#cloud-storage
    """
    objects = f'resource.name.startsWith("projects/_/buckets/{bucket_name}/objects/{team}/")'
    lists = f'api.getAttribute("storage.googleapis.com/objectListPrefix", "").startsWith("{team}/")'
    return {"title": f"below {team}", "expression": f"{objects} || {lists}"}


class GcpBuckets(pulumi.ComponentResource):
    """One bucket for each purpose."""

    endpoint: pulumi.Output[str]
    names: Mapping[Purpose, pulumi.Output[str]]

    def __init__(self, name: str, args: GcpBucketsArgs, opts: pulumi.ResourceOptions | None = None) -> None:
        super().__init__("cnai:clouds:GcpBuckets", name, {}, opts)
        self._name, self._args = name, args
        kept = inside(self, opts, protect=not args.disposable)
        self.names = {
            purpose: gcp.storage.Bucket(f"{name}-{purpose}", opts=kept, **bucket(purpose, args)).name
            for purpose in PURPOSES
        }
        self.endpoint = pulumi.Output.from_input(ENDPOINT)
        self.register_outputs({"endpoint": self.endpoint})

    def team_access(self, team: str, namespace: str, service_account: str, opts: pulumi.ResourceOptions) -> None:
        who = principal(self._args.project, self._args.number, namespace, service_account)
        # Grants belong to Google's provider, which this component has; the team's options bring Kubernetes'.
        own = inside(self, opts)
        gcp.storage.BucketIAMMember(
            f"{self._name}-{team}-models",
            bucket=self.names["models"],
            role="roles/storage.objectViewer",
            member=who,
            opts=own,
        )
        gcp.storage.BucketIAMMember(
            f"{self._name}-{team}-data",
            bucket=self.names["data"],
            role="roles/storage.objectUser",
            member=who,
            condition=self.names["data"].apply(lambda name: below(name, team)),
            opts=own,
        )
