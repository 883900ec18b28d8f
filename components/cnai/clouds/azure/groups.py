"""Agent pools: for each of a pool's routes one, which AKS's cluster autoscaler grows in the routes' order."""

import hashlib
import json
import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any

from cnai.clouds.azure.settings import AzureSettings
from cnai.clouds.devices import sharing_labels
from cnai.clouds.machines import Accelerator, Machine
from cnai.clouds.pools import CAPACITY_LABEL, POOL_LABEL, SYSTEM_POOL, PoolPlan, Route, RouteKind, Taint

NVIDIA = "nvidia.com/gpu"
MOST_EPHEMERAL_GIB, MANAGED_GIB = 1024, 256
"""Size of the node's own disk: on the machine's temporary disk where that is large enough, else a managed one."""
SMALLEST_EPHEMERAL_GIB = 128
SURGE, DRAIN_MINUTES = "33%", 60


@dataclass(frozen=True, kw_only=True)
class Surroundings:
    """What an agent pool refers to."""

    settings: AzureSettings
    subnet: Any
    """ID of the nodes' subnet."""
    placement_group: Any = None
    tags: Mapping[str, str] = field(default_factory=dict[str, str])


def agent_pool_name(plan: PoolPlan, route: Route) -> str:
    """AKS allows 12 lower-case letters and digits; the end tells pools and routes apart that begin alike."""
    if plan.name == SYSTEM_POOL and route == plan.routes[0]:
        return SYSTEM_POOL
    pool = plan.name
    start = re.sub(r"[^a-z0-9]", "", pool)
    start = start if start[:1].isalpha() else f"p{start}"
    digest = hashlib.sha256(json.dumps([pool, route.kind, route.id, route.zone]).encode()).hexdigest()[:4]
    return f"{start[:6]}{route.kind[0]}{digest}"


def reservations(pools: Mapping[str, PoolPlan]) -> tuple[str, ...]:
    """IDs of the capacity reservation groups that any pool draws from."""
    return tuple(route.id for plan in pools.values() for route in plan.routes if route.kind == "reserved")


def group_role(route: Route) -> str:
    """What tells a pool's agent pools apart in Pulumi's names."""
    return "-".join(part for part in (route.kind, route.id.rpartition("/")[2], route.zone) if part)


def agent_pool(plan: PoolPlan, route: Route, around: Surroundings) -> dict[str, Any]:
    """Properties that an AgentPool and a cluster's own agentPoolProfile have in common, by the SDK's names."""
    machine, settings = plan.machine, around.settings
    facts: dict[str, Any] = {
        "mode": "System" if plan.name == SYSTEM_POOL else "User",
        "type": "VirtualMachineScaleSets",
        "vm_size": machine.name,
        "vnet_subnet_id": around.subnet,
        "orchestrator_version": settings.kubernetes_version(),
        "os_type": "Linux",
        "os_sku": "Ubuntu",
        "max_pods": machine.max_pods,
        "enable_encryption_at_host": True,
        "enable_node_public_ip": False,
        "availability_zones": _zones(plan, route),
        "node_labels": labels(plan, route),
        "node_taints": [_written(taint) for taint in (*plan.all_taints, *settings.route_taints(route.kind))],
        "upgrade_settings": upgrade_settings(machine, route.kind),
        "tags": dict(around.tags),
        **_size(plan, first=route == plan.routes[0]),
        **_disk(machine),
        **_gpu(plan, settings),
        **_capacity(route),
    }
    if around.placement_group is not None:
        facts["proximity_placement_group_id"] = around.placement_group
    return {key: value for key, value in facts.items() if value not in (None, [], {})}


def labels(plan: PoolPlan, route: Route) -> dict[str, str]:
    found = {**plan.labels, **sharing_labels(plan.sharing), POOL_LABEL: plan.name, CAPACITY_LABEL: route.kind}
    # AKS puts this one there itself; left out it would show as drift.
    return found | ({"kubernetes.azure.com/scalesetpriority": "spot"} if route.kind == "spot" else {})


def autoscaled(plan: PoolPlan, *, first: bool) -> bool:
    """The first route keeps the pool's `min`; the others come and go."""
    return not first or plan.min < plan.max


def upgrade_settings(machine: Machine, kind: RouteKind) -> dict[str, Any]:
    """Accelerator nodes are replaced in place, since a spare one is seldom available; spot nodes cannot surge."""
    drained = {"drain_timeout_in_minutes": DRAIN_MINUTES, "undrainable_node_behavior": "Cordon"}
    if kind == "spot":
        return {}
    if machine.accelerator:
        return {"max_surge": "0", "max_unavailable": "1", **drained}
    return {"max_surge": SURGE, **drained}


def instance_profile(accelerator: Accelerator, mig: str) -> str | None:
    """AKS's own word for a MIG profile: it has one for each number of slices, the one with the least memory."""
    slices = mig.partition(".")[0]
    smallest = next((profile for profile in accelerator.mig if profile.startswith(f"{slices}.")), None)
    return f"MIG{slices}" if mig and mig == smallest else None


def priorities(plans: Iterable[PoolPlan]) -> str:
    """The autoscaler's expander takes the highest number: of each pool the first route.

    Node groups are called `aks-<agent pool>-…`.
    https://github.com/kubernetes/autoscaler/blob/master/cluster-autoscaler/expander/priority/readme.md
    """
    found: dict[int, list[str]] = {}
    for plan in plans:
        for index, route in enumerate(plan.routes):
            found.setdefault(100 - index, []).append(f".*-{agent_pool_name(plan, route)}-.*")
    lines = [f"{number}:\n" + "\n".join(f"  - {each}" for each in sorted(found[number])) for number in sorted(found)]
    return "\n".join(lines) + "\n"


def _size(plan: PoolPlan, *, first: bool) -> dict[str, Any]:
    least = plan.min if first else 0
    if not autoscaled(plan, first=first):
        return {"count": least, "enable_auto_scaling": False}
    return {"count": least, "enable_auto_scaling": True, "min_count": least, "max_count": plan.max}


def _zones(plan: PoolPlan, route: Route) -> list[str]:
    """AKS numbers them. A placement group is in one; where several would do, Azure chooses."""
    zones = (route.zone,) if route.zone else plan.zones
    if plan.placement and len(zones) > 1:
        return []
    return [zone.rpartition("-")[2] for zone in zones]


def _disk(machine: Machine) -> dict[str, Any]:
    local = machine.local_disk_gb * 10**9 // 2**30
    if local < SMALLEST_EPHEMERAL_GIB:
        return {"os_disk_type": "Managed", "os_disk_size_gb": MANAGED_GIB}
    return {"os_disk_type": "Ephemeral", "os_disk_size_gb": min(local, MOST_EPHEMERAL_GIB)}


def _gpu(plan: PoolPlan, settings: AzureSettings) -> dict[str, Any]:
    accelerator = plan.machine.accelerator
    if accelerator is None:
        return {}
    # AKS has no driver for AMD's: https://learn.microsoft.com/azure/aks/use-amd-gpus
    managed = settings.gpu_driver == "cloud" and accelerator.resource == NVIDIA
    profile = instance_profile(accelerator, plan.sharing.mig) if managed else None
    return {"gpu_profile": {"driver": "Install" if managed else "None"}, "gpu_instance_profile": profile}


def _capacity(route: Route) -> dict[str, Any]:
    """Spot costs at most what on demand does: no pool is evicted over its price."""
    if route.kind == "spot":
        return {"scale_set_priority": "Spot", "scale_set_eviction_policy": "Delete", "spot_max_price": -1}
    if route.kind == "reserved":
        return {"capacity_reservation_group_id": route.id}
    return {}


def _written(taint: Taint) -> str:
    return f"{taint.key}={taint.value}:{taint.effect}"
