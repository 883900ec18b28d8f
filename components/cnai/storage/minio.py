"""MinIO: one server with one volume, or several that survive the loss of some."""

from typing import Any

import pulumi

from cnai.catalog.placement import on_system_nodes
from cnai.storage.store import Store, aws_keys

SERVERS = 4
SERVICE, PORT = "minio", 9000
_APART = {
    "maxSkew": 1,
    "topologyKey": "kubernetes.io/hostname",
    "whenUnsatisfiable": "ScheduleAnyway",
    "labelSelector": {"matchLabels": {"app": "minio"}},
}
"""Two servers on one node would be lost together."""


def wrong_size(servers: int) -> str | None:
    """Erasure coding starts at four drives, and each server has one."""
    return None if servers == 1 or servers >= SERVERS else f"MinIO runs as 1 or as {SERVERS} and more, got {servers}"


def secret_data(user: str, password: pulumi.Output[str]) -> dict[str, pulumi.Output[str]]:
    return {"rootUser": pulumi.Output.from_input(user), "rootPassword": password, **aws_keys(user, password)}


def chart_values(store: Store) -> dict[str, Any]:
    system = on_system_nodes(store.traits)
    several = store.servers > 1
    return {
        "mode": "distributed" if several else "standalone",
        "replicas": store.servers,
        "existingSecret": store.secret,
        "persistence": {"size": f"{store.storage_gib}Gi", "storageClass": store.traits.storage_class},
        "buckets": [{"name": bucket, "policy": "none", "purge": False} for bucket in store.buckets],
        "podDisruptionBudget": {"enabled": several},
        "topologySpreadConstraints": [_APART] if several else [],
        "metrics": {"serviceMonitor": {"enabled": store.monitoring, "includeNode": store.monitoring}},
        "postJob": system,
        **system,
    }
