"""Artifact Registry: the environment's own images, scanned as they come in; a tag never means another image later."""

from dataclasses import dataclass
from typing import Any

import pulumi
import pulumi_gcp as gcp

from cnai.clouds.gcp.options import inside

DAY_S = 24 * 3600
UNTAGGED_DAYS, KEPT_VERSIONS = 14, 10


@dataclass(frozen=True, kw_only=True)
class GcpRegistryArgs:
    repository: str
    """Its ID: a letter first."""
    project: str
    region: str
    reader: pulumi.Input[str]
    """IAM member who pulls: the nodes."""
    key: pulumi.Input[str] | None = None
    """Cloud KMS key; Google's own where there is none."""
    disposable: bool = False


def cleanup_policies() -> list[Any]:
    """What no tag names goes after two weeks, except each image's newest versions."""
    unnamed = {"tag_state": "UNTAGGED", "older_than": f"{UNTAGGED_DAYS * DAY_S}s"}
    return [
        {"id": "untagged", "action": "DELETE", "condition": unnamed},
        {"id": "newest", "action": "KEEP", "most_recent_versions": {"keep_count": KEPT_VERSIONS}},
    ]


class GcpRegistry(pulumi.ComponentResource):
    """A Docker repository that the nodes may read."""

    url: pulumi.Output[str]

    def __init__(self, name: str, args: GcpRegistryArgs, opts: pulumi.ResourceOptions | None = None) -> None:
        super().__init__("cnai:clouds:GcpRegistry", name, {}, opts)
        repository = gcp.artifactregistry.Repository(
            name,
            repository_id=args.repository,
            location=args.region,
            format="DOCKER",
            docker_config={"immutable_tags": True},
            vulnerability_scanning_config={"enablement_config": "INHERITED"},
            cleanup_policies=cleanup_policies(),
            kms_key_name=args.key,
            opts=inside(self, opts, protect=not args.disposable),
        )
        gcp.artifactregistry.RepositoryIamMember(
            f"{name}-nodes",
            repository=repository.name,
            location=args.region,
            role="roles/artifactregistry.reader",
            member=args.reader,
            opts=inside(self, opts),
        )
        host = f"{args.region}-docker.pkg.dev/{args.project}/"
        self.url = pulumi.Output.concat(host, repository.repository_id)
        self.register_outputs({"url": self.url})
