"""ResourceFlavors: which nodes the pools of an environment have for jobs, and in which order queues try them."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace
from typing import Any

from cnai.clouds.devices import GPU
from cnai.clouds.pools import CAPACITY_LABEL, SYSTEM_POOL, PoolPlan, Taint

QUEUED = "queued"


@dataclass(frozen=True, kw_only=True)
class Flavor:
    """Nodes of one pool that jobs get in one way."""

    pool: PoolPlan
    nodes: int
    """At most, for jobs."""
    requested: bool = False
    """Whether its nodes come through ProvisioningRequests."""
    tolerated: tuple[Taint, ...] = ()
    """Taints of the route, which only admitted pods tolerate."""
    near: bool = False
    """Whether its nodes say how near they are to each other, so that Kueue can place pods by it."""

    @property
    def name(self) -> str:
        return f"{self.pool.name}-{QUEUED}" if self.requested else self.pool.name

    @property
    def labels(self) -> dict[str, str]:
        return self.pool.selector | ({CAPACITY_LABEL: QUEUED} if self.requested else {})


def flavors(
    pools: Mapping[str, PoolPlan],
    *,
    before_queued: Mapping[str, int],
    requests: bool,
    queued_taints: tuple[Taint, ...],
    measured: bool,
) -> tuple[Flavor, ...]:
    """In the order in which queues try them: first CPU nodes, so that GPUs stay free for jobs that need them.

    `before_queued`: pool -> nodes that come by its other routes; `requests`: whether the cluster provisions nodes of
    `queued` routes by ProvisioningRequests; `measured`: whether nodes say how near they are to each other.
    """
    plans = sorted(pools.values(), key=lambda plan: (plan.gpus_per_node > 0, plan.name == SYSTEM_POOL))
    found = [each for plan in plans for each in _of(plan, before_queued.get(plan.name, 0), requests, queued_taints)]
    return tuple(_placed(each, measured) for each in found)


def waits_for_requests(plan: PoolPlan) -> bool:
    """TPUs of a `queued` route come without ProvisioningRequests."""
    return plan.gpu_resource == GPU and any(route.kind == QUEUED for route in plan.routes)


def has_other_routes(plan: PoolPlan) -> bool:
    return any(route.kind != QUEUED for route in plan.routes)


def _of(plan: PoolPlan, before: int, requests: bool, queued_taints: tuple[Taint, ...]) -> Iterator[Flavor]:
    if not (requests and waits_for_requests(plan)):
        yield Flavor(pool=plan, nodes=_for_jobs(plan), tolerated=plan.route_taints)
        return
    others = tuple(taint for taint in plan.route_taints if taint not in queued_taints)
    before = min(before, plan.max)
    if has_other_routes(plan):
        yield Flavor(pool=plan, nodes=before, tolerated=others)
    yield Flavor(pool=plan, nodes=plan.max - before, requested=True, tolerated=queued_taints)


def _for_jobs(plan: PoolPlan) -> int:
    """The system pool is there for add-ons: jobs get what it grows by, and at least half of it."""
    return max(plan.max - plan.min, (plan.max + 1) // 2) if plan.name == SYSTEM_POOL else plan.max


def _placed(flavor: Flavor, measured: bool) -> Flavor:
    """Kueue places pods on nodes that are there: in a pool that scales, a job would wait for nodes that never come."""
    pool = flavor.pool
    there = flavor.requested or pool.min == pool.max
    return replace(flavor, near=measured and there and pool.placement == "compact" and bool(pool.machine.fabric))


def resource_flavor(flavor: Flavor, topology: str) -> dict[str, Any]:
    """Jobs must tolerate the pool's own taints; those of the route come with the admission."""
    spec: dict[str, Any] = {"nodeLabels": flavor.labels}
    if taints := [_taint(each) for each in flavor.pool.all_taints]:
        spec["nodeTaints"] = taints
    if tolerations := [each.toleration for each in flavor.tolerated]:
        spec["tolerations"] = tolerations
    if flavor.near:
        spec["topologyName"] = topology
    return spec


def _taint(taint: Taint) -> dict[str, str]:
    return {"key": taint.key, "effect": taint.effect} | ({"value": taint.value} if taint.value else {})
