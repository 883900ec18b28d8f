"""What pools cost per hour and month, by route."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass

from cnai.clouds.machines import RouteKind
from cnai.clouds.pools import PoolPlan, Route

HOURS_PER_MONTH = 730
"""365 days of 24 hours, divided by 12, as in the clouds' own calculators."""

LivePrices = Mapping[tuple[str, RouteKind], float]
"""Machine and route -> US dollars an hour, as the cloud reports them now."""

NOTES: Mapping[RouteKind, str] = {
    "on-demand": "",
    "spot": "the on-demand list price: spot costs at most that",
    "reserved": "billed whether it is used or not",
    "block": "prepaid for its whole term",
    "queued": "the on-demand list price",
}
"""What a list price means for each route, where no live price is known."""


@dataclass(frozen=True, kw_only=True)
class Cost:
    """One pool by one route, as if all of its nodes came through it."""

    pool: str
    route: str
    machine: str
    usd_per_node_hour: float
    nodes: tuple[int, int]
    """At `min` and at `max`."""
    live: bool
    note: str

    @property
    def per_hour(self) -> tuple[float, float]:
        least, most = (round(count * self.usd_per_node_hour, 2) for count in self.nodes)
        return least, most

    @property
    def per_month(self) -> tuple[float, float]:
        least, most = (round(count * self.usd_per_node_hour * HOURS_PER_MONTH, 2) for count in self.nodes)
        return least, most

    def as_json(self) -> dict[str, object]:
        return {
            "pool": self.pool,
            "route": self.route,
            "machine": self.machine,
            "usd_per_node_hour": self.usd_per_node_hour,
            "price": "live" if self.live else "list",
            "usd_per_hour": dict(zip(("min", "max"), self.per_hour, strict=True)),
            "usd_per_month": dict(zip(("min", "max"), self.per_month, strict=True)),
            "note": self.note,
        }


def costs(plans: Iterable[PoolPlan], live: LivePrices | None = None) -> list[Cost]:
    return [_cost(plan, route, live or {}) for plan in plans for route in plan.routes]


def total(found: Iterable[Cost]) -> tuple[float, float]:
    """All pools per hour at `min` and at `max`, each by its most expensive route."""
    dearest: dict[str, tuple[float, float]] = {}
    for cost in found:
        dearest[cost.pool] = max(dearest.get(cost.pool, (0.0, 0.0)), cost.per_hour)
    return round(sum(least for least, _ in dearest.values()), 2), round(sum(most for _, most in dearest.values()), 2)


def route_name(route: Route) -> str:
    return " ".join(part for part in (route.kind, route.id) if part)


def _cost(plan: PoolPlan, route: Route, live: LivePrices) -> Cost:
    machine = plan.machine
    price = live.get((machine.name, route.kind))
    listed = f"list price of {machine.price_date}" + (f" in {machine.price_region}" if machine.price_region else "")
    notes = [NOTES[route.kind], "" if price is not None else listed]
    if price is not None and route.kind == "spot":
        notes = ["the most expensive of the pool's zones now"]
    return Cost(
        pool=plan.name,
        route=route_name(route),
        machine=machine.name,
        usd_per_node_hour=machine.price_usd_per_hour if price is None else price,
        nodes=(plan.min, plan.max),
        live=price is not None,
        note="; ".join(each for each in notes if each),
    )
