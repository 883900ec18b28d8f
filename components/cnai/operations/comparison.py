"""The same platform on several clouds, side by side: what it becomes on each, and what a cloud cannot honour."""

import importlib.util
import tomllib
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from importlib.resources import files
from typing import Any, cast

import pydantic

from cnai.capabilities import ObjectStorage
from cnai.clouds.pools import PoolPlan
from cnai.clouds.settings import CloudSettings
from cnai.clouds.traits import ClusterTraits
from cnai.environment import Environment
from cnai.environment.spec import settings_model
from cnai.environment.stack import StackConfig
from cnai.operations.adapters import adapter
from cnai.operations.costs import costs, route_name, total
from cnai.operations.replanning import Unmet, replanned

ABSENT = "-"
DRA_SINCE = (1, 34)
"""resource.k8s.io/v1 is served from this minor on: https://kubernetes.io/docs/concepts/scheduling-eviction/dynamic-resource-allocation/"""


@dataclass(frozen=True)
class Side:
    """One column: an environment, or its plan on another cloud."""

    name: str
    cloud: str
    settings: CloudSettings
    stack: StackConfig
    pools: Mapping[str, PoolPlan]

    @property
    def traits(self) -> ClusterTraits:
        accelerators = any(plan.gpus_per_node for plan in self.pools.values())
        module = adapter(self.cloud, "traits")
        assert module is not None
        return module.traits(self.settings, self.pools, accelerators)


@dataclass(frozen=True)
class Comparison:
    columns: tuple[str, ...]
    rows: tuple[tuple[str, tuple[str, ...]], ...]
    """Aspect, and its value in each column."""
    unmet: tuple[tuple[str, str, Unmet], ...]
    """The environment asking, and the column that cannot honour it."""

    @property
    def differing(self) -> tuple[str, ...]:
        return tuple(aspect for aspect, cells in self.rows if len(set(cells)) > 1)

    def as_json(self) -> dict[str, Any]:
        return {
            "environments": list(self.columns),
            "rows": {aspect: dict(zip(self.columns, cells, strict=True)) for aspect, cells in self.rows},
            "differs": list(self.differing),
            "not_honoured": [
                {"of": of, "on": on, "subject": each.subject, "wanted": each.wanted, "reason": each.reason}
                for of, on, each in self.unmet
            ],
        }

    def markdown(self) -> str:
        lines = [_line(("", *self.columns)), _line(["---"] * (len(self.columns) + 1))]
        lines += [_line((aspect, *cells)) for aspect, cells in self.rows]
        if self.unmet:
            lines += ["", _line(("of", "on", "", "wanted", "why not")), _line(["---"] * 5)]
            lines += [_line((of, on, each.subject, each.wanted, each.reason)) for of, on, each in self.unmet]
        return "\n".join(lines)


def compared(environments: Iterable[Environment], on: Iterable[str] = ()) -> Comparison:
    """The environments as they are; then the first one on each cloud in `on`."""
    sides = [Side(each.name, each.cloud, each.cloud_settings, each.stack, each.pools) for each in environments]
    unmet = [
        (one.name, other.name, each)
        for one in sides
        for other in sides
        if one.cloud != other.cloud
        for each in replanned(one.stack, other.cloud, other.settings).unmet
    ]
    for cloud in dict.fromkeys(on):
        settings = sample_settings(cloud)
        made = replanned(sides[0].stack, cloud, settings)
        name = f"{sides[0].name} on {cloud}"
        sides.append(Side(name, cloud, settings, sides[0].stack, made.pools))
        unmet += [(sides[0].name, cloud, each) for each in made.unmet]
    return Comparison(tuple(side.name for side in sides), tuple(_rows(sides)), tuple(unmet))


def sample_settings(cloud: str) -> CloudSettings:
    """Raises `UserError` for an unknown cloud."""
    model: type[pydantic.BaseModel] = settings_model(cloud)
    rows = tomllib.loads(files("cnai.operations").joinpath("samples.toml").read_text(encoding="utf-8"))
    return cast(CloudSettings, model.model_validate(_tuples(rows[cloud])))


def _tuples(row: Mapping[str, Any]) -> dict[str, Any]:
    return {key: tuple(value) if isinstance(value, list) else value for key, value in row.items()}


def _rows(sides: list[Side]) -> list[tuple[str, tuple[str, ...]]]:
    rows = [(aspect, tuple(tell(side) for side in sides)) for aspect, tell in ASPECTS.items()]
    for name in dict.fromkeys(name for side in sides for name in side.pools):
        plans = [side.pools.get(name) for side in sides]
        rows += [
            (f"{name}: {aspect}", tuple(tell(plan) if plan else ABSENT for plan in plans))
            for aspect, tell in POOL_ASPECTS.items()
        ]
    return [(aspect, cells) for aspect, cells in rows if set(cells) != {ABSENT}]


def _price(side: Side) -> str:
    least, most = total(costs(side.pools.values()))
    return f"{least:,.2f} to {most:,.2f}"


def _has_registry(side: Side) -> str:
    there = importlib.util.find_spec(f"cnai.clouds.{side.cloud}.registry")
    return "the cloud's own" if there else "none: provide one"


def _dra(side: Side) -> str:
    version = tuple(map(int, side.settings.kubernetes_version().split(".")))
    return "resource.k8s.io/v1" if version >= DRA_SINCE else "not in this Kubernetes version"


def _teams(side: Side) -> str:
    shares = {
        team: ", ".join(f"{count} {pool}" for pool, count in spec.gpus.items())
        for team, spec in side.stack.teams.items()
    }
    return "; ".join(f"{team} ({share})" if share else team for team, share in sorted(shares.items())) or ABSENT


def stores(stack: StackConfig) -> list[str]:
    """Features that provide object storage here."""
    return [key for key, each in stack.chosen.items() if ObjectStorage in each.feature.gives]


ASPECTS: Mapping[str, Callable[[Side], str]] = {
    "cloud": lambda side: side.cloud,
    "region": lambda side: side.settings.region_name(),
    "zones": lambda side: ", ".join(side.settings.zone_names()) or ABSENT,
    "kubernetes": lambda side: side.settings.kubernetes_version(),
    "nodes made by": lambda side: "the cloud" if side.settings.makes_nodes else "you",
    "routes": lambda side: ", ".join(side.settings.routes()),
    "fabrics": lambda side: ", ".join(side.settings.fabrics()) or ABSENT,
    "GPU driver by": lambda side: side.traits.gpu_driver_owner if side.traits.accelerators else ABSENT,
    "storage class": lambda side: side.traits.storage_class,
    "load balancer": lambda side: side.traits.load_balancer,
    "registry": _has_registry,
    "buckets": lambda side: "the cloud's own" if "bucket" in side.settings.object_stores() else "none",
    "object store": lambda side: ", ".join(stores(side.stack)) or ABSENT,
    "DRA": _dra,
    "features": lambda side: ", ".join(sorted(each.feature.label for each in side.stack.chosen.values())) or ABSENT,
    "teams": _teams,
    "USD an hour": _price,
}


def _machine(plan: PoolPlan) -> str:
    machine = plan.machine
    size = f"{machine.vcpu} vCPU, {machine.memory_gib} GiB"
    if machine.accelerator:
        return f"{machine.name} ({machine.accelerator_count} x {machine.accelerator.name}, {size})"
    return f"{machine.name} ({size})"


def _devices(plan: PoolPlan) -> str:
    return f"{plan.min * plan.gpus_per_node} to {plan.max * plan.gpus_per_node}" if plan.gpus_per_node else ABSENT


POOL_ASPECTS: Mapping[str, Callable[[PoolPlan], str]] = {
    "machine": _machine,
    "nodes": lambda plan: f"{plan.min} to {plan.max}",
    "accelerators": _devices,
    "capacity": lambda plan: ", ".join(map(route_name, plan.routes)),
    "fabric": lambda plan: plan.machine.fabric or ABSENT,
    "USD an hour": lambda plan: "{:,.2f} to {:,.2f}".format(*total(costs([plan]))),
}


def _line(cells: Iterable[str]) -> str:
    return f"| {' | '.join(cell.replace('|', '/') for cell in cells)} |"
