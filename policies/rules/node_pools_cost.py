"""What node pools cost: all of them at max within the budget, and idle GPU pools nothing."""

import re
from collections.abc import Iterator, Mapping, Sequence
from functools import cache
from importlib.resources import files
from typing import Any, NamedTuple

from cnai.clouds.machines import machines
from cnai.policy.fields import careful, each, found, listed, number, text
from cnai.policy.model import Context, Finding, Resource, Rule, Severity, undecided, violation
from cnai.policy.values import Unknown

EKS, GKE, AKS = (
    "aws:eks/nodeGroup:NodeGroup",
    "gcp:container/nodePool:NodePool",
    "azure-native:containerservice:AgentPool",
)
ACCELERATED = re.compile(r"^(?:(?:p[2-9]|g[3-9]|gr|trn|inf|dl)\w*\.|(?:a2|a3|a4|a4x|g2|g4|ct)\w*-|Standard_N[CDGV])")


class NodePool(NamedTuple):
    machine: "str | Unknown | None"
    least: "float | Unknown"
    most: "float | Unknown"
    accelerated: bool


@cache
def prices() -> Mapping[str, float]:
    """Machine type -> on-demand dollars an hour; for types no cloud sells, the simulated copy's price."""
    clouds = [each.name for each in files("cnai.clouds").iterdir() if each.joinpath("machines.toml").is_file()]
    offered = [machine for cloud in clouds for machine in machines(cloud).values()]
    copies = {machine.mirrors: machine.price_usd_per_hour for machine in offered if machine.mirrors}
    return copies | {machine.name: machine.price_usd_per_hour for machine in offered}


def node_pool(resource: Resource) -> NodePool:
    """Raises `WrongType`."""
    return {EKS: _eks, GKE: _gke, AKS: _aks}[resource.kind](resource.body)


def _eks(body: Any) -> NodePool:
    types = listed(body, "instanceTypes")
    machine = types if isinstance(types, Unknown) else types[0] if types else None
    machine = machine if isinstance(machine, str | Unknown) else None
    least, most = number(body, "scalingConfig.minSize"), number(body, "scalingConfig.maxSize")
    return NodePool(machine, _or(least, 0), _or(most, 0), _fast(machine))


def _gke(body: Any) -> NodePool:
    machine, places = text(body, "nodeConfig.machineType"), listed(body, "nodeLocations")
    zones: float | Unknown = places if isinstance(places, Unknown) else len(places) or 1
    fixed = number(body, "nodeCount")
    counts: list[float | Unknown] = []
    for total, per_zone in (("totalMinNodeCount", "minNodeCount"), ("totalMaxNodeCount", "maxNodeCount")):
        whole, part = number(body, f"autoscaling.{total}"), number(body, f"autoscaling.{per_zone}")
        counts.append(whole if whole is not None else _times(_or(part, _or(fixed, 0)), zones))
    fast = _fast(machine) or any(True for _ in found(body, "nodeConfig.guestAccelerators[*]"))
    return NodePool(machine, counts[0], counts[1], fast)


def _aks(body: Any) -> NodePool:
    machine, fixed = text(body, "vmSize"), number(body, "count")
    least, most = number(body, "minCount"), number(body, "maxCount")
    return NodePool(machine, _or(least, _or(fixed, 0)), _or(most, _or(fixed, 0)), _fast(machine))


def _or(value: "float | Unknown | None", default: "float | Unknown") -> "float | Unknown":
    return default if value is None else value


def _times(count: "float | Unknown", zones: "float | Unknown") -> "float | Unknown":
    if count == 0:
        return 0
    return Unknown() if isinstance(count, Unknown) or isinstance(zones, Unknown) else count * zones


def _fast(machine: Any) -> bool:
    return isinstance(machine, str) and ACCELERATED.match(machine) is not None


def _budget(resources: Sequence[Resource], context: Context) -> Iterator[Finding]:
    budget, told = (context.settings.get(key) for key in ("budget_usd_per_hour", "usd_per_hour_at_max"))
    if not isinstance(budget, int | float):
        return
    pools, costs = list(resources), dict[int, float]()
    unpriced = list(each(lambda pool: _priced(pool, costs), pools))
    if isinstance(told, int | float):
        total = float(told)
    else:
        total = sum(costs.values())
        yield from unpriced
    if total > budget:
        dearest = max(pools, key=lambda one: costs.get(id(one), 0), default=Resource({}, logical_name="pools"))
        yield violation(
            f"all pools at their max cost {total:,.2f} USD an hour and must stay within {budget:,.2f}", resource=dearest
        )


def _priced(resource: Resource, costs: dict[int, float]) -> Iterator[Finding]:
    pool = node_pool(resource)
    price = prices().get(pool.machine) if isinstance(pool.machine, str) else None
    if pool.most == 0:
        return
    if price is None or isinstance(pool.most, Unknown):
        yield undecided("what it costs at its maximum is not known", resource=resource)
    else:
        costs[id(resource)] = price * pool.most


@careful
def _floor(resource: Resource, context: Context) -> Iterator[Finding]:
    if context.settings.get("production") is not False:
        return
    pool = node_pool(resource)
    if isinstance(pool.machine, Unknown) and pool.least != 0 and not pool.accelerated:
        yield undecided("whether it has GPUs is not known yet")
    elif pool.accelerated and isinstance(pool.least, Unknown):
        yield undecided("its minimum is not known yet")
    elif pool.accelerated and pool.least != 0:
        yield violation(f"a GPU pool outside production must have a minimum of 0, not {pool.least:g}")


RULES = [
    Rule(
        id="budgetAtMax",
        title="All pools at their maximum are within the budget",
        why="Whatever autoscaling may buy, it buys on the first bad day, and the bill comes a month later.",
        severity=Severity.HIGH,
        remediation="Lower the max of a pool, or raise cnai:policies.budget_usd_per_hour with whoever pays.",
        frameworks={"soc2": ("A1.1",)},
        applies=(EKS, GKE, AKS),
        set_predicate=_budget,
    ),
    Rule(
        id="gpuPoolFloor",
        title="Idle GPU pools scale to zero outside production",
        why="One idle GPU node costs more in a month than most laptops.",
        severity=Severity.MEDIUM,
        remediation="Set the pool's min to 0; the first job waits a few minutes for its node.",
        frameworks={"soc2": ("A1.1",)},
        applies=(EKS, GKE, AKS),
        predicate=_floor,
    ),
]
