"""A machine room with everything, and what declaring it registers."""

from typing import Any

import pulumi

from cnai.clouds.machines import machines
from cnai.clouds.onprem.cluster import OnpremCluster, OnpremClusterArgs
from cnai.clouds.onprem.settings import OnpremSettings
from cnai.clouds.pools import PoolPlan, Taint

GIVEN: dict[str, Any] = {"context": "machine-room", "load_balancer": "metallb", "addresses": ("10.1.2.10-10.1.2.99",)}
GPU = Taint(key="nvidia.com/gpu", value="present")


def settings(**more: Any) -> OnpremSettings:
    return OnpremSettings(**{**GIVEN, **more})


def pool(name: str, machine: str, count: int = 1, **facts: Any) -> PoolPlan:
    facts = {"node_selector": {"site/pool": name}, "min": count, "max": count, **facts}
    return PoolPlan(name=name, machine=machines("onprem")[machine], **facts)


SYSTEM = pool("system", "server-32", 3)
DGX = pool("dgx", "dgx-h100", 4, taints=(GPU,), fabric="infiniband")
POOLS = {plan.name: plan for plan in (SYSTEM, DGX)}


def declare(pools=None, **more):
    def program():
        wanted = POOLS if pools is None else pools
        args = OnpremClusterArgs(environment="onprem", settings=settings(**more), accelerators=True, pools=wanted)
        cluster = OnpremCluster("cluster", args)
        own = pulumi.ResourceOptions(parent=cluster)
        for name, plan in wanted.items():
            cluster.node_group(name, plan, own)
        assert cluster.registry("registry", own) is None
        assert cluster.buckets("buckets", own) is None
        cluster.ready()

    return program
