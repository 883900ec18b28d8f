"""What device plugins and feature discovery write on a node once it is there: pure, from its machine and its labels."""

import re
from collections.abc import Mapping

from cnai.clouds.machines import Accelerator, Machine
from cnai.clouds.pools import Sharing

GPU = "nvidia.com/gpu"
MIG_CONFIG = "nvidia.com/mig.config"
PLUGIN_CONFIG = "nvidia.com/device-plugin.config"
FABRIC_RESOURCES = {"efa": "vpc.amazonaws.com/efa"}
"""RDMA fabric -> what its device plugin publishes, one for each network interface."""


def sharing_labels(sharing: Sharing) -> dict[str, str]:
    """What tells the GPU operator how to share a node's GPUs."""
    labels = {MIG_CONFIG: f"all-{sharing.mig}"} if sharing.mig else {}
    if sharing.time_slices > 1:
        labels[PLUGIN_CONFIG] = f"time-slices-{sharing.time_slices}"
    return labels


def sharing_of(labels: Mapping[str, str]) -> Sharing:
    """The same read back; configurations of other names share nothing."""
    mig = re.fullmatch(r"all-(\d+g\.\d+gb)", labels.get(MIG_CONFIG, ""))
    slices = re.fullmatch(r"time-slices-(\d+)", labels.get(PLUGIN_CONFIG, ""))
    return Sharing(mig=mig[1] if mig else "", time_slices=int(slices[1]) if slices else 1)


def published(machine: Machine, labels: Mapping[str, str]) -> dict[str, str]:
    """The extended resources: shared GPUs count once per share."""
    found: dict[str, str] = {}
    if accelerator := machine.accelerator:
        found[accelerator.resource] = str(_shares(machine, accelerator, sharing_of(labels)))
    if resource := FABRIC_RESOURCES.get(machine.fabric):
        found[resource] = str(machine.nics)
    return found


def discovered(machine: Machine, labels: Mapping[str, str]) -> dict[str, str]:
    """What GPU Feature Discovery and the GPU operator write.

    https://github.com/NVIDIA/k8s-device-plugin/blob/main/docs/gpu-feature-discovery/README.md
    """
    gpu = machine.accelerator
    if gpu is None or gpu.resource != GPU:
        return {}
    sharing = sharing_of(labels)
    found = {
        "feature.node.kubernetes.io/pci-10de.present": "true",
        "nvidia.com/gpu.present": "true",
        "nvidia.com/gpu.product": gpu.product,
        "nvidia.com/gpu.family": gpu.family,
        "nvidia.com/gpu.memory": str(gpu.memory_mib),
        "nvidia.com/gpu.count": str(machine.accelerator_count),
        "nvidia.com/gpu.replicas": str(sharing.time_slices),
        "nvidia.com/mig.capable": str(bool(gpu.mig)).lower(),
        # Discovery names the operator's strategies on every node, cut and shared or not.
        "nvidia.com/mig.strategy": "single",
        "nvidia.com/gpu.sharing-strategy": "time-slicing" if sharing.time_slices > 1 else "none",
    }
    if sharing.mig in gpu.mig:
        found |= {
            "nvidia.com/mig.config.state": "success",
            "nvidia.com/gpu.product": f"{gpu.product}-MIG-{sharing.mig}",
            "nvidia.com/gpu.count": str(machine.accelerator_count * gpu.mig[sharing.mig]),
            "nvidia.com/gpu.memory": str(int(sharing.mig.partition(".")[2].removesuffix("gb")) * 1024),
        }
    if sharing.time_slices > 1:
        found["nvidia.com/gpu.product"] += "-SHARED"
    return found


def _shares(machine: Machine, accelerator: Accelerator, sharing: Sharing) -> int:
    return machine.accelerator_count * accelerator.mig.get(sharing.mig, 1) * sharing.time_slices
