"""Machine types per cloud, in `<cloud>/machines.toml`, and the planner that turns a pool's wishes into one of them."""

import datetime
import tomllib
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from functools import cache
from importlib.resources import files
from types import MappingProxyType
from typing import Any, Literal

RouteKind = Literal["on-demand", "spot", "reserved", "block", "queued"]
"""Ways to get a machine. `block`: prepaid capacity for a fixed time; `queued`: waits until all of it is available."""


class PoolError(ValueError):
    """A pool that this cloud cannot make; `field` is what to change, the message gives what there is instead."""

    def __init__(self, field: str, message: str) -> None:
        super().__init__(message)
        self.field = field


@dataclass(frozen=True, kw_only=True)
class Accelerator:
    """One model of GPU or other device, as the cluster sees it."""

    name: str
    """Model with its memory, such as `A100-80GB`."""
    kind: str
    """The word that a pool uses, such as `A100`."""
    resource: str
    """The extended resource that its device plugin publishes."""
    product: str
    family: str
    memory_mib: int
    mig: Mapping[str, int]
    """MIG profile -> instances of it that one device gives; empty where the model has no MIG."""


@dataclass(frozen=True, kw_only=True)
class Machine:
    """One machine type of one cloud."""

    name: str
    vcpu: int
    memory_gib: int
    price_usd_per_hour: float
    """List price on demand."""
    price_source: str
    price_date: datetime.date
    accelerator: Accelerator | None = None
    accelerator_count: int = 0
    local_disk_gb: int = 0
    interconnect: str = ""
    """How the accelerators of one machine reach each other; empty: PCIe."""
    nics: int = 1
    network_gbps: float = 0
    fabric: str = ""
    """RDMA fabric between machines of this type, such as `efa`; empty: none."""
    mirrors: str = ""
    """The real type that a simulated machine copies."""
    max_pods: int = 110
    arch: Literal["amd64", "arm64"] = "amd64"
    routes: tuple[RouteKind, ...] = ()
    """Routes it is available by; empty: every route of its cloud."""
    regions: tuple[str, ...] = ()
    """Regions it is available in; empty: every region of its cloud."""
    price_region: str = ""
    """Where the list price holds, if it differs by region."""


@cache
def _data(cloud: str) -> dict[str, Any]:
    return tomllib.loads(files("cnai.clouds").joinpath(cloud, "machines.toml").read_text(encoding="utf-8"))


def kubernetes_version(cloud: str) -> str:
    """Major and minor that a new cluster gets."""
    return _data(cloud)["cloud"]["kubernetes"]


@cache
def accelerators() -> Mapping[str, Accelerator]:
    """Every accelerator model that any cloud's machines carry, by name."""
    rows = tomllib.loads(files("cnai.clouds").joinpath("accelerators.toml").read_text(encoding="utf-8"))["accelerator"]
    return MappingProxyType({name: Accelerator(name=name, **row) for name, row in rows.items()})


@cache
def machines(cloud: str) -> Mapping[str, Machine]:
    """The machine types of one cloud, by name."""
    data = _data(cloud)
    return MappingProxyType({name: _machine(name, row, data["source"]) for name, row in data["machine"].items()})


def _machine(name: str, row: Mapping[str, Any], sources: Mapping[str, Any]) -> Machine:
    source = sources[row["price_source"]]
    model = row.get("accelerator")
    facts: dict[str, Any] = {
        **{key: tuple(value) if isinstance(value, list) else value for key, value in row.items()},
        "accelerator": accelerators()[model] if model else None,
        "price_source": source["url"],
        "price_date": source["date"],
    }
    return Machine(name=name, **facts)


def plan(
    cloud: str,
    *,
    machine: str | None = None,
    accelerator: str | None = None,
    count_per_node: int | None = None,
    region: str | None = None,
) -> Machine:
    """The machine type for a pool: the one named, or the cheapest per accelerator (of equals the larger), or for a CPU
    pool the cheapest amd64 one with at least 8 vCPUs and 32 GiB: not every image is built for arm64. Of those that
    fit, one that `region` has, if it has any.

    Raises `PoolError` with what `cloud` has instead.
    """
    offered = machines(cloud)
    if machine is not None:
        return _named(cloud, offered, machine, accelerator, count_per_node)
    if accelerator is None:
        if count_per_node is not None:
            raise PoolError("count_per_node", f"{count_per_node} needs an accelerator or a machine: name one")
        fit = [
            m
            for m in offered.values()
            if m.accelerator is None and m.arch == "amd64" and m.vcpu >= 8 and m.memory_gib >= 32
        ]
        return min(_nearest(fit, region), key=lambda m: m.price_usd_per_hour)
    fit = _with_accelerator(cloud, offered.values(), accelerator)
    counts = sorted({m.accelerator_count for m in fit})
    if count_per_node is not None:
        fit = [m for m in fit if m.accelerator_count == count_per_node]
    if not fit:
        have = _either(str(n) for n in counts)
        raise PoolError("count_per_node", f"{cloud} has no machine with {count_per_node} x {accelerator}: give {have}")
    return min(
        _nearest(fit, region),
        key=lambda m: (round(m.price_usd_per_hour / m.accelerator_count, 4), -m.accelerator_count),
    )


def _nearest(fit: list[Machine], region: str | None) -> list[Machine]:
    return [m for m in fit if region is None or not m.regions or region in m.regions] or fit


def _named(
    cloud: str, offered: Mapping[str, Machine], name: str, accelerator: str | None, count: int | None
) -> Machine:
    if name not in offered:
        raise PoolError("machine", f"{cloud} has no machine {name!r}: give {_either(offered)}")
    found = offered[name]
    if accelerator is not None and not (found.accelerator and accelerator in _words(found.accelerator)):
        has = f"{found.accelerator_count} x {found.accelerator.name}" if found.accelerator else "no accelerator"
        raise PoolError("machine", f"{name} has {has}, not {accelerator}: leave one of the two out")
    if count is not None and count != found.accelerator_count:
        raise PoolError(
            "count_per_node",
            f"{name} has {found.accelerator_count} accelerators, not {count}: leave one of the two out",
        )
    return found


def _with_accelerator(cloud: str, offered: Iterable[Machine], word: str) -> list[Machine]:
    offered = list(offered)
    fit = [m for m in offered if m.accelerator and word in _words(m.accelerator)]
    if not fit:
        have = {m.accelerator.kind for m in offered if m.accelerator}
        raise PoolError("accelerator", f"{cloud} has no {word!r}: give {_either(sorted(have))}")
    return fit


def _words(accelerator: Accelerator) -> tuple[str, str]:
    return accelerator.kind, accelerator.name


def _either(names: Iterable[str]) -> str:
    *rest, last = list(names)
    return f"{', '.join(rest)} or {last}" if rest else last
