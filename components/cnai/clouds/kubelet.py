"""What a kubelet reports of its machine, and what it keeps of it for itself and the system: by cloud, as documented."""

import math
import tomllib
from collections.abc import Mapping
from functools import cache
from importlib.resources import files
from typing import Any

from cnai.clouds.machines import Machine

GIB_IN_MIB = 1024
ROOT_DISK_GIB = 100
EVICTION_MIB = 100
"""Free memory below which the kubelet evicts."""


@cache
def conventions(cloud: str) -> Mapping[str, Any]:
    """The cloud's table in nodes.toml."""
    return tomllib.loads(files("cnai.clouds").joinpath("nodes.toml").read_text(encoding="utf-8"))[cloud]


def capacity(machine: Machine) -> dict[str, str]:
    """The machine's own size; devices are not the kubelet's to know."""
    return {
        "cpu": str(machine.vcpu),
        "memory": f"{machine.memory_gib * GIB_IN_MIB}Mi",
        "ephemeral-storage": f"{_disk_gib(machine)}Gi",
        "pods": str(machine.max_pods),
    }


def allocatable(machine: Machine, cloud: str) -> dict[str, str]:
    """Capacity less what is reserved, and the eviction thresholds."""
    reserved: Mapping[str, Any] = conventions(cloud)["reserved"]
    disk = _disk_gib(machine)
    return {
        **capacity(machine),
        "cpu": f"{machine.vcpu * 1000 - reserved_millicores(machine.vcpu, reserved)}m",
        "memory": f"{machine.memory_gib * GIB_IN_MIB - reserved_mib(machine, reserved) - EVICTION_MIB}Mi",
        "ephemeral-storage": f"{disk - _reserved_disk_gib(disk, reserved) - math.ceil(disk / 10)}Gi",
    }


def reserved_millicores(vcpu: int, reserved: Mapping[str, Any]) -> int:
    """kube-reserved CPU: each core's share, by the tier that it falls in."""
    return int(_tiered(vcpu, reserved.get("cpu", ())))


def reserved_mib(machine: Machine, reserved: Mapping[str, Any]) -> int:
    """kube-reserved memory: so much and so much per pod, or by tiers of the machine's size."""
    fixed = reserved.get("memory_mib", 0) + reserved.get("memory_mib_per_pod", 0) * machine.max_pods
    most = machine.memory_gib * GIB_IN_MIB * reserved.get("memory_most_percent", 100) // 100
    tiered = _tiered(machine.memory_gib, reserved.get("memory", ())) * GIB_IN_MIB / 100
    return min(fixed, most) + math.ceil(tiered)


def _reserved_disk_gib(disk: int, reserved: Mapping[str, Any]) -> int:
    wanted = reserved.get("disk_gib", 0) + disk * reserved.get("disk_percent", 0) / 100
    return math.ceil(min(wanted, disk / 2, reserved.get("disk_most_gib", disk)))


def _tiered(size: int, tiers: list[list[float]]) -> float:
    """Each unit's share summed; a tier that ends at 0 has no end."""
    total, start = 0.0, 0.0
    for end, share in tiers:
        stop = min(size, end or size)
        total += max(0.0, stop - start) * share
        start = max(start, stop)
    return total


def _disk_gib(machine: Machine) -> int:
    """Local NVMe carries the kubelet's directory where there is any (RAID 0), else the root disk does."""
    return machine.local_disk_gb * 10**9 // 2**30 if machine.local_disk_gb else ROOT_DISK_GIB
