"""An AWS environment that has everything, and what declaring it registers."""

from typing import Any

import pulumi

from cnai.clouds.aws.cluster import AwsCluster, AwsClusterArgs
from cnai.clouds.aws.settings import AwsSettings
from cnai.clouds.machines import machines
from cnai.clouds.pools import PoolPlan, Route, Sharing

ADMIN = "arn:aws:iam::111122223333:role/platform"
BLOCK = Route(kind="block", id="cr-0a1b2c", zone="us-east-1a")
RESERVED, NAMED = Route(kind="reserved"), Route(kind="reserved", id="cr-4d5e6f", zone="us-east-1b")
ON_DEMAND, SPOT = Route(kind="on-demand"), Route(kind="spot")


def settings(**more: Any) -> AwsSettings:
    return AwsSettings(**{"region": "us-east-1", "access": {ADMIN: "admin"}, **more})


def pool(name: str, machine: str, **facts: Any) -> PoolPlan:
    zones = facts.pop("zones", settings().zone_names())
    return PoolPlan(name=name, machine=machines("aws")[machine], zones=zones, **{"min": 0, "max": 4, **facts})


SYSTEM = pool("system", "m7i.2xlarge", min=3, max=3)
H100 = pool("h100", "p5.48xlarge", min=4, max=32, routes=(BLOCK, NAMED, ON_DEMAND), fabric="efa")
L4 = pool("l4", "g6.12xlarge", min=2, max=20, routes=(SPOT, ON_DEMAND), sharing=Sharing(time_slices=4))
MIG = pool("mig", "p4d.24xlarge", routes=(RESERVED,), sharing=Sharing(mig="1g.5gb"))
CPU = pool("cpu", "r8g.4xlarge", min=0, max=10, labels={"tier": "data"})
NEAR = pool("near", "p5en.48xlarge", placement="compact", zones=("us-east-1b",), fabric="efa")
POOLS = {plan.name: plan for plan in (SYSTEM, H100, L4, MIG, CPU, NEAR)}


def cluster(pools: dict[str, PoolPlan] | None = None, **more: Any) -> AwsCluster:
    """As the platform declares it: the pools in order, then what the cloud has of its own."""
    pools = POOLS if pools is None else pools
    accelerators = any(plan.gpus_per_node for plan in pools.values())
    args = AwsClusterArgs(environment="prod", settings=settings(**more), accelerators=accelerators, pools=pools)
    made = AwsCluster("cluster", args)
    for name, plan in pools.items():
        made.node_group(name, plan, pulumi.ResourceOptions(parent=made, provider=made.provider))
    made.registry("registry", pulumi.ResourceOptions(parent=made))
    made.buckets("buckets", pulumi.ResourceOptions(parent=made)).team_access(
        "research", "research", "trainer", pulumi.ResourceOptions(parent=made)
    )
    return made
