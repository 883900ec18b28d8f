"""The machine types that the sandbox's Karpenter may launch, from the same tables that pools are planned with."""

import re
from collections.abc import Mapping
from typing import Any

from cnai.clouds import devices, kubelet
from cnai.clouds.machines import Machine, machines
from cnai.quantities import amount, spelled

SPOT_SHARE = 0.4
"""Spot prices change by the hour: taken to be this part of the list price, so that spot is preferred as it would be."""
AWS = "karpenter.k8s.aws"
CAPACITY_TYPES = ("on-demand", "spot", "reserved")


def machine_types(cloud: str) -> dict[str, Any]:
    """The machines file, as `machines.go` reads it."""
    return {"spotShare": SPOT_SHARE, "machines": [machine_type(m, cloud) for m in machines(cloud).values()]}


def machine_type(machine: Machine, cloud: str) -> dict[str, Any]:
    capacity, allocatable = kubelet.capacity(machine), kubelet.allocatable(machine, cloud)
    return {
        "name": machine.name,
        "arch": machine.arch,
        "price": machine.price_usd_per_hour,
        "regions": list(machine.regions),
        "capacityTypes": [kind for kind in CAPACITY_TYPES if not machine.routes or kind in machine.routes],
        "labels": instance_labels(machine),
        "capacity": capacity,
        # Karpenter plans with whole GPUs, as it does on AWS: it does not know how they will be shared.
        "devices": devices.published(machine, {}),
        "overhead": {name: _less(capacity[name], allocatable[name]) for name in ("cpu", "memory", "ephemeral-storage")},
    }


def instance_labels(machine: Machine) -> dict[str, str]:
    """Those that Karpenter's AWS provider gives an instance type (https://karpenter.sh/docs/reference/instance-types/)."""
    family, _, size = machine.name.partition(".")
    words = {
        "instance-family": family,
        "instance-size": size,
        "instance-cpu": str(machine.vcpu),
        "instance-memory": str(machine.memory_gib * kubelet.GIB_IN_MIB),
        "instance-hypervisor": "" if size.startswith("metal") else "nitro",
        "instance-network-bandwidth": str(int(machine.network_gbps * 1000)) if machine.network_gbps else "",
        "instance-local-nvme": str(machine.local_disk_gb) if machine.local_disk_gb else "",
        **_generation(family),
        **_accelerator(machine),
    }
    return {f"{AWS}/{key}": value for key, value in words.items() if value}


def _generation(family: str) -> dict[str, str]:
    found = re.match(r"([a-z]+)(\d+)", family)
    return {"instance-category": found[1], "instance-generation": found[2]} if found else {}


def _accelerator(machine: Machine) -> Mapping[str, str]:
    found, count = machine.accelerator, str(machine.accelerator_count)
    if found is None:
        return {}
    name = found.kind.lower()
    if found.resource != devices.GPU:
        return {"instance-accelerator-name": name, "instance-accelerator-count": count}
    return {
        "instance-gpu-name": name,
        "instance-gpu-manufacturer": "nvidia",
        "instance-gpu-count": count,
        "instance-gpu-memory": str(found.memory_mib),
    }


def _less(capacity: str, allocatable: str) -> str:
    return spelled(amount(capacity) - amount(allocatable))
