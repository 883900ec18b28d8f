"""The one place that goes from a cloud's name to its module, imported only when an environment uses it."""

import importlib
from typing import cast

import pulumi

from cnai.clouds.protocol import Cluster
from cnai.clouds.settings import CloudSettings


def build_cluster(
    cloud: str,
    name: str,
    *,
    environment: str,
    settings: CloudSettings,
    accelerators: bool,
    opts: pulumi.ResourceOptions | None = None,
) -> Cluster:
    """`<Cloud>Cluster(name, <Cloud>ClusterArgs(...), opts)` of `cnai.clouds.<cloud>`."""
    module = importlib.import_module(f"cnai.clouds.{cloud}")
    args = getattr(module, f"{cloud.capitalize()}ClusterArgs")(
        environment=environment, settings=settings, accelerators=accelerators
    )
    return cast(Cluster, getattr(module, f"{cloud.capitalize()}Cluster")(name, args, opts))
