"""Who makes a pool's nodes on AWS: managed node groups where their number is fixed, Karpenter where it is not."""

from collections.abc import Iterable, Iterator

from cnai.clouds.pools import CAPACITY_LABEL, POOL_LABEL, SYSTEM_POOL, PoolPlan, Route
from cnai.clouds.settings import Problems

NEURON = "aws.amazon.com/neuron"


def group_routes(plan: PoolPlan) -> tuple[Route, ...]:
    """Routes served by a dedicated managed node group.

    The system pool, since Karpenter runs on it, and capacity blocks, which are prepaid: nothing scales these. No
    route is in both this and `karpenter_routes`.
    """
    return plan.routes if plan.name == SYSTEM_POOL else tuple(each for each in plan.routes if each.kind == "block")


def karpenter_routes(plan: PoolPlan) -> tuple[Route, ...]:
    """Routes that Karpenter serves, each with its own NodePool, in the order in which it tries them."""
    mine = group_routes(plan)
    return tuple(each for each in plan.routes if each not in mine)


def floor(plan: PoolPlan) -> int:
    """Nodes that Karpenter keeps whatever pods want: none where a capacity block carries the pool's `min`."""
    return 0 if group_routes(plan) else plan.min


def growth(plan: PoolPlan) -> int:
    """Nodes by which Karpenter may exceed the pool's `min`."""
    return plan.max - plan.min


def zones_of(plan: PoolPlan, route: Route) -> tuple[str, ...]:
    return (route.zone,) if route.zone else plan.zones


def route_name(plan: PoolPlan, route: Route) -> str:
    """`h100-spot`, or `h100-reserved-cr-0a1b2c` where the route names what it takes."""
    return "-".join(filter(None, (plan.name, route.kind, route.id)))


def node_labels(plan: PoolPlan, *routes: Route) -> dict[str, str]:
    """What every node of these routes carries; how it was had is said where there is but one way."""
    labels = {**plan.labels, POOL_LABEL: plan.name}
    if len(routes) == 1:
        labels[CAPACITY_LABEL] = routes[0].kind
    if plan.sharing.mig:
        labels["nvidia.com/mig.config"] = f"all-{plan.sharing.mig}"
    if plan.sharing.time_slices > 1:
        labels["nvidia.com/device-plugin.config"] = f"time-slices-{plan.sharing.time_slices}"
    return labels


def wrong_pools(plans: Iterable[PoolPlan]) -> Problems:
    """Pools that AWS cannot make: the key that is wrong, below `pools`, and what to change."""
    for plan in plans:
        blocks = [each for each in plan.routes if each.kind == "block"]
        if plan.name == SYSTEM_POOL and (len(plan.routes) > 1 or blocks):
            text = "nothing scales the system pool, so it has one route: on-demand, spot or reserved"
            yield (plan.name, "capacity"), text
        elif len(blocks) > 1:
            text = "min cannot say how many nodes each block has: give each block its own pool"
            yield (plan.name, "capacity"), text
        if plan.placement and len({zone for each in plan.routes for zone in zones_of(plan, each)}) > 1:
            yield (plan.name, "zones"), "a cluster placement group is in one zone: name it"


def warnings(plan: PoolPlan) -> Iterator[str]:
    """What comes up, and then not as one might think."""
    if plan.gpu_resource == NEURON:
        yield f"pool {plan.name}: pods that request {NEURON} are pending until you install the AWS Neuron device plugin"
    if any(each.kind == "block" and len(zones_of(plan, each)) > 1 for each in plan.routes):
        yield f"pool {plan.name}: set its block's zone, {{block: ID, zone: ZONE}}: otherwise all are searched"
