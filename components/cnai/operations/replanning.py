"""An environment's pools on another cloud: what they become there, and what is unavailable, with the reason."""

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, replace
from functools import partial
from typing import Any

from cnai.capabilities import ObjectStorage
from cnai.clouds.machines import Machine, PoolError, machines
from cnai.clouds.pools import POOL_LABEL, PoolPlan, Route, RouteKind
from cnai.clouds.settings import CloudSettings, JudgesPools
from cnai.environment.plans import pool_plan
from cnai.environment.spec import PoolSpec
from cnai.environment.stack import StackConfig

NEARLY = 0.9
"""Clouds count memory in different units: 30 GiB on one is 32 GB on another."""


@dataclass(frozen=True, kw_only=True, order=True)
class Unmet:
    """Something a cloud cannot honour."""

    subject: str
    """`pool h100`, `features`."""
    wanted: str
    reason: str


@dataclass(frozen=True)
class Replanned:
    pools: Mapping[str, PoolPlan]
    unmet: tuple[Unmet, ...]


def replanned(stack: StackConfig, cloud: str, settings: CloudSettings) -> Replanned:
    """The pools of `stack` on `cloud`. Unavailable settings are left out of a pool, or the whole pool is."""
    unmet: list[Unmet] = []
    found: dict[str, PoolPlan] = {}
    for name, pool in stack.pools.items():
        miss = partial(_miss, unmet, f"pool {name}")
        if (plan := _pool(stack, name, pool, cloud, settings, miss)) is not None:
            found[name] = plan
    unmet += _judged(cloud, found, settings)
    unmet += _features(stack, cloud, settings)
    return Replanned(found, tuple(dict.fromkeys(unmet)))


Miss = Callable[[str, str], None]


def _miss(unmet: list[Unmet], subject: str, wanted: str, reason: str) -> None:
    unmet.append(Unmet(subject=subject, wanted=wanted, reason=reason))


def _pool(
    stack: StackConfig, name: str, pool: PoolSpec, cloud: str, settings: CloudSettings, miss: Miss
) -> PoolPlan | None:
    same = cloud == stack.cloud_name
    spec = pool if same else _machine(stack, name, pool, cloud, miss)
    if spec is None:
        return None
    # Zones, labels of existing nodes and reservation IDs mean nothing on another cloud.
    selector = {} if settings.makes_nodes else {POOL_LABEL: name}
    spec = spec.model_copy(update={"zones": (), "selector": selector, **_fabric(spec, cloud, settings, miss)})
    plan = _planned(name, spec, cloud, settings, miss)
    if plan is None:
        return None
    region = settings.region_name()
    if plan.machine.regions and region not in plan.machine.regions:
        miss(plan.machine.name, f"not in {region}: it is in {', '.join(plan.machine.regions)}")
    return replace(plan, routes=_routes(pool, plan.machine, cloud, settings, miss))


def _machine(stack: StackConfig, name: str, pool: PoolSpec, cloud: str, miss: Miss) -> PoolSpec | None:
    """The same accelerator, or a CPU machine at least as large; type names mean nothing elsewhere."""
    plan = stack.plans()[name]
    if accelerator := plan.machine.accelerator:
        wanted = {"accelerator": accelerator.kind, "count_per_node": plan.machine.accelerator_count, "machine": None}
        return pool.model_copy(update=wanted)
    if pool.machine is None:
        return pool
    if (found := as_large(plan.machine, cloud)) is None:
        miss(pool.machine, f"{cloud} has no machine of {plan.machine.vcpu} vCPUs and {plan.machine.memory_gib} GiB")
        return None
    return pool.model_copy(update={"machine": found.name})


def as_large(machine: Machine, cloud: str) -> Machine | None:
    """The cheapest CPU machine there with at least this one's resources."""
    fit = [
        each
        for each in machines(cloud).values()
        if each.accelerator is None
        and each.arch == machine.arch
        and each.vcpu >= machine.vcpu
        and each.memory_gib >= machine.memory_gib * NEARLY
    ]
    return min(fit, key=lambda each: (each.price_usd_per_hour, each.vcpu), default=None)


def _planned(name: str, spec: PoolSpec, cloud: str, settings: CloudSettings, miss: Miss) -> PoolPlan | None:
    """Drops, one by one, what the cloud's machine lacks; None if there is no machine."""
    spec = spec.model_copy(update={"capacity": (Route(kind="on-demand"),)})
    while True:
        try:
            return pool_plan(cloud, name, spec, settings)
        except PoolError as error:
            default: Any = PoolSpec.model_fields[error.field].get_default()
            droppable = error.field in ("sharing", "fabric", "topology", "count_per_node")
            miss(f"{error.field}: {_said(getattr(spec, error.field))}", str(error))
            if not droppable or getattr(spec, error.field) == default:
                return None
            spec = spec.model_copy(update={error.field: default})


def _said(value: Any) -> str:
    if hasattr(value, "model_dump"):
        return ", ".join(f"{key} {each}" for key, each in value.model_dump(exclude_defaults=True).items())
    return str(value)


def _fabric(spec: PoolSpec, cloud: str, settings: CloudSettings, miss: Miss) -> dict[str, str | None]:
    """Every cloud has different fabrics: the pool gets the one its machine has there."""
    allowed = settings.fabrics()
    if not spec.fabric or spec.fabric in allowed:
        return {}
    instead = f"its machines there have {' or '.join(allowed)}, if any" if allowed else "it has no RDMA fabric"
    miss(f"fabric: {spec.fabric}", f"{cloud} has no {spec.fabric}: {instead}")
    return {"fabric": None}


def _routes(pool: PoolSpec, machine: Machine, cloud: str, settings: CloudSettings, miss: Miss) -> tuple[Route, ...]:
    allowed: list[RouteKind] = [kind for kind in settings.routes() if not machine.routes or kind in machine.routes]
    kept = [Route(kind=route.kind) for route in pool.capacity if route.kind in allowed]
    instead = " or ".join(dict.fromkeys(route.kind for route in kept)) or " or ".join(allowed[:1])
    for kind in dict.fromkeys(route.kind for route in pool.capacity):
        if kind not in allowed:
            reason = (
                f"{machine.name} is not available as {kind}" if kind in settings.routes() else f"{cloud} has no {kind}"
            )
            miss(f"capacity: {kind}", f"{reason}: {instead or 'nothing'} is left")
    return tuple(dict.fromkeys(kept)) or tuple(Route(kind=kind) for kind in allowed[:1])


def _judged(cloud: str, pools: Mapping[str, PoolPlan], settings: CloudSettings) -> Iterator[Unmet]:
    """What the cloud itself reports about pools planned on it."""
    if isinstance(settings, JudgesPools):
        for path, text in settings.pool_problems(pools.values()):
            whose = f"pool {path[1]}" if path[0] == "pools" else cloud
            yield Unmet(subject=whose, wanted=".".join(map(str, path[2:])) or "pools", reason=text)


def _features(stack: StackConfig, cloud: str, settings: CloudSettings) -> Iterator[Unmet]:
    for store in (key for key, each in stack.chosen.items() if ObjectStorage in each.feature.gives):
        if store in settings.object_stores():
            continue
        reason = f"{cloud} has {' or '.join(settings.object_stores())}"
        yield Unmet(subject="features", wanted=f"object_store: {store}", reason=reason)
