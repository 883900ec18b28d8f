"""What GKE does not take of a pool that can be planned: zones, slices, routes, sharing and names."""

from collections.abc import Iterator

from cnai.clouds.gcp.facts import hosts, is_gpu, is_tpu, series, topologies, zones_with
from cnai.clouds.pools import PoolPlan, Route

Found = Iterator[tuple[tuple[str | int, ...], str]]
"""Path below the pool, and what to change."""
MOST_CLIENTS = 48
"""Containers that may share a GPU: https://docs.cloud.google.com/kubernetes-engine/docs/how-to/timesharing-gpus"""
NVLINK_DOMAIN = 18
"""A4X machines that one NVLink domain has."""
LONGEST_NAME = 40
"""Of a node pool."""
NOT_COMPACT = ("e2",)
COMPACT_QUEUED = ("a3-ultragpu", "a4-highgpu")
"""Where the queue can place nodes near each other."""


def group_name(plan: PoolPlan, route: Route, index: int) -> str:
    """Of the route's node pool; `index` counts those routes of the same kind that come before."""
    return f"{plan.name}-{route.kind}" + (f"-{index + 1}" if index else "")


def pool_problems(plan: PoolPlan, *, operator: bool) -> Found:
    """`operator`: whether the GPU operator, not GKE, shares GPUs."""
    yield from _zones(plan)
    yield from _slices(plan)
    yield from _placement(plan)
    if plan.sharing.time_slices > MOST_CLIENTS and not operator:
        yield ("sharing",), f"GKE lets at most {MOST_CLIENTS} pods share a GPU: give that or fewer time_slices"
    for index, route in enumerate(plan.routes):
        if text := _wrong_route(plan, route, first=index == 0):
            yield ("capacity", index), text
    longest = max(_names(plan), key=len)
    if (over := len(longest) - LONGEST_NAME) > 0:
        most = len(plan.name) - over
        yield (), f"{longest} is too long for a node pool name: give the pool's name at most {most} characters"


def _names(plan: PoolPlan) -> Iterator[str]:
    """Of node pools, or of the last of a route's slices."""
    slices = plan.max // hosts(plan.machine, plan.topology)
    for index, route in enumerate(plan.routes):
        before = sum(each.kind == route.kind for each in plan.routes[:index])
        yield group_name(plan, route, before) + (f"-slice-{slices}" if hosts(plan.machine, plan.topology) > 1 else "")


def _zones(plan: PoolPlan) -> Found:
    if plan.zones and not zones_with(plan.machine, plan.zones):
        region = plan.zones[0][:-2]
        letters: str = series(plan.machine)["zones"].get(region, "")
        where = ", ".join(f"{region}-{letter}" for letter in letters)
        if where:
            yield (
                ("zones",),
                f"{plan.machine.name} is only in {where}: add one of them to cnai:cloud.gcp.zones",
            )


def _slices(plan: PoolPlan) -> Found:
    if not is_tpu(plan.machine):
        return
    allowed = topologies(plan.machine)
    if plan.topology and plan.topology not in allowed:
        yield ("topology",), f"{plan.machine.name} has no {plan.topology} slice: give {', '.join(allowed)}"
        return
    size = hosts(plan.machine, plan.topology)
    for key in ("min", "max"):
        if getattr(plan, key) % size:
            text = f"a {plan.topology} slice is {size} machines, all or none: give a multiple of {size}"
            yield (key,), text


def _placement(plan: PoolPlan) -> Found:
    if not plan.placement:
        return
    if is_tpu(plan.machine):
        yield (
            ("placement",),
            "the machines of a TPU slice are placed together anyway: leave placement out, set topology",
        )
    elif plan.machine.name.partition("-")[0] in NOT_COMPACT:
        yield ("placement",), f"{plan.machine.name} cannot be placed compactly: use n2, n2d, c3 or an accelerator"
    elif "topology" in series(plan.machine) and plan.max > NVLINK_DOMAIN:
        yield ("max",), f"an NVLink domain has {NVLINK_DOMAIN} machines: give at most that, and one pool per domain"


def _wrong_route(plan: PoolPlan, route: Route, *, first: bool) -> str:
    kind, machine = route.kind, plan.machine
    if kind in ("queued", "block") and machine.accelerator is None:
        return f"Google Cloud has {kind} capacity for accelerators only: give on-demand, spot or reserved"
    if kind == "queued" and first and plan.min:
        return "a queued pool starts at 0: set min to 0, or put another route first"
    if kind == "queued" and plan.placement and machine.name.rpartition("-")[0] not in COMPACT_QUEUED:
        return f"{machine.name} cannot be placed compactly when queued: leave out placement or this route"
    if kind in ("reserved", "block") and route.id and not route.zone and len(zones_with(machine, plan.zones)) > 1:
        return f"a reservation is in one zone: set it, {{{kind}: {route.id}, zone: {plan.zones[0]}}}"
    if kind == "reserved" and is_tpu(machine) and not route.id:
        return "TPUs come from a reservation by its name: {reserved: NAME, zone: ZONE}"
    if is_gpu(machine) and kind == "reserved" and machine.routes and not route.id:
        return f"{machine.name} comes from a reservation by its name: {{reserved: NAME, zone: ZONE}}"
    return ""
