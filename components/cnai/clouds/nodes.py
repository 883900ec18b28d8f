"""Node manifests of a pool, as its machines would register themselves: pure, for every simulated node."""

import math
from typing import Any

from cnai.clouds.machines import Machine
from cnai.clouds.pools import CAPACITY_LABEL, POOL_LABEL, PoolPlan, Route

GIB_IN_MIB = 1024
ROOT_DISK_GIB = 100
_CAPACITY_TYPES = ("on-demand", "spot", "reserved")


def node_name(plan: PoolPlan, index: int) -> str:
    return f"{plan.name}-{index}"


def node_manifest(plan: PoolPlan, index: int, *, region: str, route: Route | None = None) -> dict[str, Any]:
    """The `index`-th node of a pool, in the pool's zones by turns and on its first route unless another is given."""
    name = node_name(plan, index)
    labels = {
        **plan.labels,
        **_well_known_labels(plan, name, region, plan.zones[index % len(plan.zones)] if plan.zones else ""),
        **_capacity_labels(route or plan.routes[0]),
        **_gpu_labels(plan),
    }
    spec: dict[str, Any] = {"providerID": f"kwok://{region}/{name}"}
    if taints := plan.all_taints:
        spec["taints"] = [{"key": t.key, "effect": t.effect, **({"value": t.value} if t.value else {})} for t in taints]
    return {
        "apiVersion": "v1",
        "kind": "Node",
        "metadata": {"name": name, "labels": labels, "annotations": {"kwok.x-k8s.io/node": "fake"}},
        "spec": spec,
        "status": {"capacity": capacity(plan), "allocatable": allocatable(plan)},
    }


def capacity(plan: PoolPlan) -> dict[str, str]:
    """What the kubelet reports: the machine's size, with GPUs as the device plugin counts them."""
    machine = plan.machine
    found = {
        "cpu": str(machine.vcpu),
        "memory": f"{machine.memory_gib * GIB_IN_MIB}Mi",
        "ephemeral-storage": f"{_disk_gib(machine)}Gi",
        "pods": str(machine.max_pods),
    }
    if plan.gpu_resource:
        found[plan.gpu_resource] = str(plan.gpus_per_node)
    return found


def allocatable(plan: PoolPlan) -> dict[str, str]:
    """Capacity less what the kubelet keeps for itself and the system, and its eviction thresholds."""
    machine = plan.machine
    kept_mib = 255 + 11 * machine.max_pods + 100
    disk_gib = _disk_gib(machine)
    return {
        **capacity(plan),
        "cpu": f"{machine.vcpu * 1000 - reserved_millicores(machine.vcpu)}m",
        "memory": f"{machine.memory_gib * GIB_IN_MIB - kept_mib}Mi",
        # 1 GiB kube-reserved; the kubelet evicts below 10 % free.
        "ephemeral-storage": f"{disk_gib - 1 - math.ceil(disk_gib / 10)}Gi",
    }


def reserved_millicores(vcpu: int) -> int:
    """kube-reserved CPU: 6 % of the first core, 1 % of the next, 0.5 % of two more, 0.25 % of the rest.

    The tiers are those that GKE publishes and the EKS image applies, as it does 255 MiB + 11 MiB per pod of memory
    (https://github.com/awslabs/amazon-eks-ami, kubelet defaults).
    """
    shares = [60.0, 10.0, 5.0, 5.0][:vcpu] + [2.5] * max(0, vcpu - 4)
    return int(sum(shares))


def _disk_gib(machine: Machine) -> int:
    """Local NVMe carries the kubelet's directory where there is any (RAID 0), else the root disk does."""
    return machine.local_disk_gb * 10**9 // 2**30 if machine.local_disk_gb else ROOT_DISK_GIB


def _well_known_labels(plan: PoolPlan, name: str, region: str, zone: str) -> dict[str, str]:
    labels = {
        "kubernetes.io/arch": "amd64",
        "kubernetes.io/hostname": name,
        "kubernetes.io/os": "linux",
        "node.kubernetes.io/instance-type": plan.machine.name,
        "topology.kubernetes.io/region": region,
        POOL_LABEL: plan.name,
    }
    if zone:
        labels["topology.kubernetes.io/zone"] = zone
    return labels


def _capacity_labels(route: Route) -> dict[str, str]:
    labels = {CAPACITY_LABEL: route.kind}
    if route.kind in _CAPACITY_TYPES:
        labels["karpenter.sh/capacity-type"] = route.kind
    return labels


def _gpu_labels(plan: PoolPlan) -> dict[str, str]:
    """What GPU Feature Discovery and the GPU operator write on a node.

    https://github.com/NVIDIA/k8s-device-plugin/blob/main/docs/gpu-feature-discovery/README.md
    """
    gpu = plan.machine.accelerator
    if gpu is None or gpu.resource != "nvidia.com/gpu":
        return {}
    labels = {
        "feature.node.kubernetes.io/pci-10de.present": "true",
        "nvidia.com/gpu.present": "true",
        "nvidia.com/gpu.product": gpu.product,
        "nvidia.com/gpu.family": gpu.family,
        "nvidia.com/gpu.memory": str(gpu.memory_mib),
        "nvidia.com/gpu.count": str(plan.machine.accelerator_count),
        "nvidia.com/gpu.replicas": str(plan.sharing.time_slices),
        "nvidia.com/mig.capable": str(bool(gpu.mig)).lower(),
    }
    if plan.sharing.mig:
        labels |= _mig_labels(plan, gpu.product)
    if plan.sharing.time_slices > 1:
        labels["nvidia.com/gpu.product"] += "-SHARED"
        labels["nvidia.com/gpu.sharing-strategy"] = "time-slicing"
        labels["nvidia.com/device-plugin.config"] = f"time-slices-{plan.sharing.time_slices}"
    return labels


def _mig_labels(plan: PoolPlan, product: str) -> dict[str, str]:
    profile = plan.sharing.mig
    return {
        "nvidia.com/mig.strategy": "single",
        "nvidia.com/mig.config": f"all-{profile}",
        "nvidia.com/gpu.product": f"{product}-MIG-{profile}",
        "nvidia.com/gpu.count": str(plan.gpus_per_node // plan.sharing.time_slices),
        "nvidia.com/gpu.memory": str(int(profile.partition(".")[2].removesuffix("gb")) * GIB_IN_MIB),
    }
