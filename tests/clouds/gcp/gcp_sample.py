"""One cluster with a pool of every sort, as tests of Google Cloud declare it."""

from dataclasses import replace
from typing import Any

import pulumi

from cnai.clouds.gcp.cluster import GcpCluster, GcpClusterArgs
from cnai.clouds.gcp.settings import GcpSettings
from cnai.clouds.machines import machines
from cnai.clouds.pools import PoolPlan, Route, Sharing
from recording import Registered

ZONES = ("us-central1-a", "us-central1-b", "us-central1-c")
SETTINGS: dict[str, Any] = {
    "project": "acme-ai-prod",
    "project_number": 123456789012,
    "region": "us-central1",
    "zones": ZONES,
}
RESERVED = Route(kind="reserved", id="gpus", zone="us-central1-b")


def settings(**changes: Any) -> GcpSettings:
    return GcpSettings.model_validate({**SETTINGS, **changes})


def pool(machine: str, **changes: Any) -> PoolPlan:
    plan = PoolPlan(name="it", machine=machines("gcp")[machine], min=0, max=8, zones=ZONES)
    return replace(plan, **changes)


POOLS = {
    each.name: each
    for each in (
        pool("n2-standard-8", name="system", min=3, max=6),
        pool("a3-highgpu-8g", name="h100", routes=(RESERVED, Route(kind="queued"))),
        pool("g2-standard-8", name="l4", routes=(Route(kind="spot"),), sharing=Sharing(time_slices=4)),
        pool("ct6e-standard-4t", name="tpu", topology="4x4", min=4, routes=(Route(kind="spot"),)),
        pool("a4x-highgpu-4g", name="gb200", placement="compact", routes=(replace(RESERVED, zone="us-central1-a"),)),
    )
}


def cluster(pools: dict[str, PoolPlan] = POOLS, **changes: Any) -> GcpCluster:
    args = GcpClusterArgs(environment="gcp-prod", settings=settings(**changes), accelerators=True, pools=pools)
    made = GcpCluster("cluster", args)
    for name, plan in pools.items():
        made.node_group(name, plan, pulumi.ResourceOptions(provider=made.provider))
    return made


def stores(**changes: Any) -> None:
    made = cluster({}, **changes)
    made.registry("registry", pulumi.ResourceOptions())
    buckets = made.buckets("buckets", pulumi.ResourceOptions())
    buckets.team_access("research", "research-ns", "trainer", pulumi.ResourceOptions())


def of_type(found: list[Registered], kind: str) -> dict[str, Registered]:
    return {each.name: each for each in found if each.type == kind}


def node_pools(found: list[Registered]) -> dict[str, dict[str, Any]]:
    return {name: each.inputs for name, each in of_type(found, "gcp:container/nodePool:NodePool").items()}
