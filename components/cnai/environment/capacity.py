"""What a pool requires of its cloud: the cloud's own settings, routes to machines, zones, regions, fabrics."""

from collections.abc import Callable, Iterable, Iterator

from cnai.clouds.machines import Machine
from cnai.clouds.pools import PoolPlan, Route
from cnai.clouds.settings import JudgesPools
from cnai.environment.stack import StackConfig
from cnai.problems import Problem, nearest


def cloud_holds_together(stack: StackConfig) -> Iterator[Problem]:
    for path, text in stack.settings.problems():
        yield Problem(("cloud", stack.cloud_name, *path), text)


def machines_are_offered_here(stack: StackConfig) -> Iterator[Problem]:
    region = stack.settings.region_name()
    for name, plan in stack.plans().items():
        machine = plan.machine
        if machine.regions and region not in machine.regions:
            key = "machine" if stack.pools[name].machine else "accelerator"
            text = f"{region} has no {machine.name}: it is in {', '.join(machine.regions)}"
            yield Problem(("pools", name, key), text)


def routes_exist_here(stack: StackConfig) -> Iterator[Problem]:
    allowed, plans = stack.settings.routes(), stack.plans()
    for name, pool in stack.pools.items():
        for index, route in enumerate(pool.capacity):
            if text := _wrong_route(stack.cloud_name, route, allowed, plans.get(name)):
                yield Problem(("pools", name, "capacity", index), text)
            elif route in pool.capacity[:index]:
                yield Problem(("pools", name, "capacity", index), f"{route.kind} is listed twice: list each route once")


def _wrong_route(cloud: str, route: Route, allowed: tuple[str, ...], plan: PoolPlan | None) -> str:
    if route.kind not in allowed:
        return f"{cloud} has no route {route.kind!r}: {nearest(route.kind, allowed)}"
    machine: Machine | None = plan.machine if plan else None
    if machine and machine.routes and route.kind not in machine.routes:
        having = [kind for kind in machine.routes if kind in allowed]
        return f"{machine.name} is not available as {route.kind}: {nearest(route.kind, having)}"
    return ""


def routes_go_together(stack: StackConfig) -> Iterator[Problem]:
    for name, pool in stack.pools.items():
        kinds = [route.kind for route in pool.capacity]
        if "block" in kinds and "spot" in kinds:
            text = "a block is prepaid and ends on a fixed date, spot may end any time: give each its own pool"
            yield Problem(("pools", name, "capacity", kinds.index("spot")), text)


def reservations_are_in_the_pools_zones(stack: StackConfig) -> Iterator[Problem]:
    for name, pool in stack.pools.items():
        zones = pool.zones or stack.settings.zone_names()
        for index, route in enumerate(pool.capacity):
            if route.zone and route.zone not in zones:
                text = f"{route.id} is in {route.zone}, and the pool is not: {nearest(route.zone, zones)}"
                yield Problem(("pools", name, "capacity", index), text)


def zones_exist_here(stack: StackConfig) -> Iterator[Problem]:
    allowed = stack.settings.zone_names()
    for name, pool in stack.pools.items():
        for index, zone in enumerate(pool.zones):
            if zone not in allowed:
                yield Problem(("pools", name, "zones", index), f"no zone {zone!r}: {nearest(zone, allowed)}")


def fabrics_exist_here(stack: StackConfig) -> Iterator[Problem]:
    allowed = stack.settings.fabrics()
    for name, pool in stack.pools.items():
        if pool.fabric and pool.fabric not in allowed:
            yield Problem(("pools", name, "fabric"), f"no fabric {pool.fabric!r}: {nearest(pool.fabric, allowed)}")


def existing_nodes_are_selected(stack: StackConfig) -> Iterator[Problem]:
    """Where the cloud creates no nodes, a pool selects existing ones; where it does, there is nothing to select."""
    exist = not stack.settings.makes_nodes
    for name, pool in stack.pools.items():
        if exist and not pool.selector:
            text = "this cloud's nodes exist already: give the labels that select this pool's nodes"
            yield Problem(("pools", name, "selector"), text)
        elif not exist and pool.selector:
            text = f"{stack.cloud_name} creates the pool's nodes: remove selector, and use labels instead"
            yield Problem(("pools", name, "selector"), text)


def pools_suit_the_cloud(stack: StackConfig) -> Iterator[Problem]:
    """What only the cloud itself can say about its pools, such as whether their nodes have enough addresses."""
    if isinstance(stack.settings, JudgesPools):
        for path, text in stack.settings.pool_problems(stack.plans().values()):
            yield Problem(path, text)


CAPACITY_RULES: tuple[Callable[[StackConfig], Iterable[Problem]], ...] = (
    cloud_holds_together,
    machines_are_offered_here,
    routes_exist_here,
    routes_go_together,
    reservations_are_in_the_pools_zones,
    zones_exist_here,
    fabrics_exist_here,
    existing_nodes_are_selected,
    pools_suit_the_cloud,
)
