"""What `series.toml` adds about Google Cloud's machines, beyond what every cloud's table has."""

import math
import tomllib
from functools import cache
from importlib.resources import files
from typing import Any

from cnai.clouds.machines import Machine

GPU, TPU = "nvidia.com/gpu", "google.com/tpu"
DEFAULT_BOOT_DISK = "pd-balanced"


@cache
def facts() -> dict[str, Any]:
    return tomllib.loads(files("cnai.clouds.gcp").joinpath("series.toml").read_text(encoding="utf-8"))


def series(machine: Machine) -> dict[str, Any]:
    """What is said of the series; nothing for those that have no accelerator."""
    return facts()["series"].get(machine.name.rpartition("-")[0], {})


def is_gpu(machine: Machine) -> bool:
    return machine.accelerator is not None and machine.accelerator.resource == GPU


def is_tpu(machine: Machine) -> bool:
    return machine.accelerator is not None and machine.accelerator.resource == TPU


def accelerator_word(machine: Machine) -> str:
    """GKE's own word for the model; empty where the machine has none."""
    return series(machine).get("accelerator", "")


def boot_disk(machine: Machine) -> str:
    return series(machine).get("boot_disk", DEFAULT_BOOT_DISK)


def local_ssds(machine: Machine) -> int:
    """How many local SSDs come with the machine."""
    return facts()["local_ssds"].get(machine.name, 0)


def zones_with(machine: Machine, zones: tuple[str, ...]) -> tuple[str, ...]:
    """Those of `zones` that have the machine; a series that says nothing of zones is in all of them."""
    has: dict[str, str] | None = series(machine).get("zones")
    if has is None:
        return zones
    return tuple(zone for zone in zones if zone[-1] in has.get(zone[:-2], ""))


def topologies(machine: Machine) -> tuple[str, ...]:
    """Shapes of slices that the machine can be part of, its own first; none where it has no TPU."""
    return tuple(facts()["topologies"].get(machine.name, ()))


def chips(topology: str) -> int:
    return math.prod(int(side) for side in topology.split("x"))


def hosts(machine: Machine, topology: str) -> int:
    """How many machines make up a slice of that shape; 1 where the machine is part of no such slice."""
    return max(1, chips(topology) // machine.accelerator_count) if topology in topologies(machine) else 1
