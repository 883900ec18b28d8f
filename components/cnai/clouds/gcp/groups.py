"""From a pool to its node pools, one for each route, or for each TPU slice of a route: pure."""

import math
from collections.abc import Iterator
from dataclasses import dataclass
from itertools import count

from cnai.clouds.gcp.facts import hosts, zones_with
from cnai.clouds.gcp.judging import group_name
from cnai.clouds.pools import PoolPlan, Route


@dataclass(frozen=True, kw_only=True)
class Group:
    """One node pool. `min` and `max` count its nodes, in all its zones together."""

    name: str
    route: Route
    zones: tuple[str, ...]
    min: int
    max: int
    topology: str = ""
    """Of the slice that it is, where that takes several machines."""

    @property
    def is_slice(self) -> bool:
        return bool(self.topology)

    @property
    def initial(self) -> int:
        """Nodes per zone to begin with: GKE's autoscaler keeps a minimum, but does not bring it about."""
        return math.ceil(self.min / len(self.zones))


def groups(plan: PoolPlan) -> list[Group]:
    """In the order of the routes. Only the first has nodes that are always there."""
    found: list[Group] = []
    seen: dict[str, Iterator[int]] = {}
    for index, route in enumerate(plan.routes):
        name = group_name(plan, route, next(seen.setdefault(route.kind, count())))
        found += _of_route(plan, route, name, plan.min if index == 0 else 0)
    return found


def _of_route(plan: PoolPlan, route: Route, name: str, least: int) -> list[Group]:
    zones, size = zones_of(plan, route), hosts(plan.machine, plan.topology)
    if size == 1:
        return [Group(name=name, route=route, zones=zones, min=least, max=plan.max)]
    return [
        Group(
            name=f"{name}-slice-{number + 1}",
            route=route,
            zones=zones,
            min=size if number < least // size else 0,
            max=size,
            topology=plan.topology,
        )
        for number in range(plan.max // size)
    ]


def zones_of(plan: PoolPlan, route: Route) -> tuple[str, ...]:
    """The pool's zones that have the machine; for co-located machines only the first."""
    if route.zone:
        return (route.zone,)
    having = zones_with(plan.machine, plan.zones) or plan.zones
    together = plan.placement == "compact" or hosts(plan.machine, plan.topology) > 1
    return having[:1] if together else having
