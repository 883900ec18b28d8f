"""The one place that goes from a cloud's name to its module, imported only when an environment uses it."""

import importlib
from collections.abc import Mapping
from typing import cast

import pulumi

from cnai.clouds.extras import demand, needed
from cnai.clouds.pools import PoolPlan
from cnai.clouds.protocol import Cluster
from cnai.clouds.settings import CloudSettings


def build_cluster(
    cloud: str,
    name: str,
    *,
    environment: str,
    settings: CloudSettings,
    pools: Mapping[str, PoolPlan],
    opts: pulumi.ResourceOptions | None = None,
) -> Cluster:
    """`<Cloud>Cluster(name, <Cloud>ClusterArgs(...), opts)` of `cnai.clouds.<cloud>.cluster`."""
    demand(needed(cloud, simulated=False), cloud)
    module = importlib.import_module(f"cnai.clouds.{cloud}.cluster")
    args = getattr(module, f"{cloud.capitalize()}ClusterArgs")(
        environment=environment,
        settings=settings,
        accelerators=any(plan.gpus_per_node for plan in pools.values()),
        pools=pools,
    )
    return cast(Cluster, getattr(module, f"{cloud.capitalize()}Cluster")(name, args, opts))
