"""An Azure environment that has everything, and what declaring it registers."""

from typing import Any

import pulumi

from cnai.clouds.azure.cluster import AzureCluster, AzureClusterArgs
from cnai.clouds.azure.settings import AzureSettings
from cnai.clouds.machines import machines
from cnai.clouds.pools import PoolPlan, Route, Sharing

SUBSCRIPTION = "00000000-0000-0000-0000-000000000001"
TENANT = "00000000-0000-0000-0000-000000000002"
ADMINS = "00000000-0000-0000-0000-000000000003"
GIVEN: dict[str, Any] = {
    "region": "eastus2",
    "subscription_id": SUBSCRIPTION,
    "tenant_id": TENANT,
    "admin_groups": (ADMINS,),
}
RESERVATION = (
    f"/subscriptions/{SUBSCRIPTION}/resourceGroups/capacity/providers/Microsoft.Compute/capacityReservationGroups/a10"
)


def settings(**more: Any) -> AzureSettings:
    return AzureSettings(**{**GIVEN, **more})


def pool(name: str, machine: str, **facts: Any) -> PoolPlan:
    zones = facts.pop("zones", settings().zone_names())
    return PoolPlan(name=name, machine=machines("azure")[machine], zones=zones, **{"min": 0, "max": 4, **facts})


SYSTEM = pool("system", "Standard_D8ds_v5", min=3, max=6)
A10 = pool(
    "a10",
    "Standard_NV36ads_A10_v5",
    min=1,
    routes=(
        Route(kind="reserved", id=RESERVATION, zone="eastus2-1"),
        Route(kind="on-demand"),
        Route(kind="spot"),
    ),
)
SLICED = pool("a100", "Standard_NC24ads_A100_v4", min=2, max=2, sharing=Sharing(mig="1g.10gb"))
H100 = pool("h100", "Standard_ND96isr_H100_v5", placement="compact", fabric="infiniband")
POOLS = {plan.name: plan for plan in (SYSTEM, A10, SLICED, H100)}


def declare(pools=None, **more):
    """The program of an environment with all that a cluster can make."""

    def program():
        wanted = POOLS if pools is None else pools
        args = AzureClusterArgs(environment="azure-prod", settings=settings(**more), accelerators=True, pools=wanted)
        cluster = AzureCluster("cluster", args)
        for name, plan in wanted.items():
            cluster.node_group(name, plan, pulumi.ResourceOptions(parent=cluster, provider=cluster.provider))
        cluster.ready()
        own = pulumi.ResourceOptions(parent=cluster)
        cluster.registry("registry", own)
        cluster.buckets("buckets", own).team_access("chat", "chat", "trainer", own)

    return program
