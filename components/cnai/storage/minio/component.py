"""MinIO: one server with one volume, or several that survive the loss of some."""

from dataclasses import dataclass
from typing import Any, ClassVar

import pulumi

from cnai.catalog import merged
from cnai.catalog.placement import on_system_nodes
from cnai.site import Site
from cnai.storage.object_store import ObjectStore, ObjectStoreArgs, aws_keys, root_secret
from cnai.storage.settings import ObjectStoreSettings

_APART = {
    "maxSkew": 1,
    "topologyKey": "kubernetes.io/hostname",
    "whenUnsatisfiable": "ScheduleAnyway",
    "labelSelector": {"matchLabels": {"app": "minio"}},
}
"""Two servers on one node would be lost together."""


@dataclass(frozen=True, kw_only=True)
class MinIOArgs(ObjectStoreArgs):
    """Upstream is archived: for new stores take SeaweedFS."""

    enough: ClassVar[int] = 4

    def wrong_size(self, servers: int) -> str | None:
        """Erasure coding starts at four drives, and each server has one."""
        few = 1 < servers < self.enough or servers < 1
        return f"MinIO runs with 1 server or at least {self.enough}, got {servers}" if few else None


def secret_data(user: str, password: pulumi.Output[str]) -> dict[str, pulumi.Output[str]]:
    return {"rootUser": pulumi.Output.from_input(user), "rootPassword": password, **aws_keys(user, password)}


def chart_values(args: MinIOArgs) -> dict[str, Any]:
    system = on_system_nodes(args.traits)
    several = args.size > 1
    computed: dict[str, Any] = {
        "mode": "distributed" if several else "standalone",
        "replicas": args.size,
        "existingSecret": root_secret(MinIO.package),
        "persistence": {"size": f"{args.storage_gib}Gi", "storageClass": args.traits.storage_class},
        "buckets": [{"name": bucket, "policy": "none", "purge": False} for bucket in args.buckets],
        "podDisruptionBudget": {"enabled": several},
        "topologySpreadConstraints": [_APART] if several else [],
        "metrics": {"serviceMonitor": {"enabled": args.monitoring, "includeNode": args.monitoring}},
        "postJob": system,
        **system,
    }
    return merged(computed, args.values)


class MinIO(ObjectStore):
    """MinIO with its buckets; protected unless the cluster is disposable."""

    package, service, port = "minio", "minio", 9000
    values = staticmethod(chart_values)
    secret_data = staticmethod(secret_data)

    @classmethod
    def args_for(cls, settings: ObjectStoreSettings, site: Site) -> MinIOArgs:
        return MinIOArgs(**cls.settled(settings, site))
