"""What others may assume of a GKE cluster."""

from collections.abc import Iterable

from cnai.clouds.gcp.settings import GcpSettings
from cnai.clouds.pools import POOL_LABEL, SYSTEM_POOL, PoolPlan
from cnai.clouds.traits import ClusterTraits

STORAGE_CLASS = "standard-rwo"
"""GKE's own: balanced Persistent Disks, encrypted with Google's key."""
ENCRYPTED_CLASS = "encrypted-rwo"
"""The same with a key of the environment's own."""
PROVISIONING_CLASS = "queued-provisioning.gke.io"
"""https://docs.cloud.google.com/kubernetes-engine/docs/how-to/provisioningrequest"""
TOPOLOGY = (
    *(f"cloud.google.com/gce-topology-{level}" for level in ("block", "subblock", "host")),
    "kubernetes.io/hostname",
)
"""https://docs.cloud.google.com/ai-hypercomputer/docs/workloads/schedule-gke-workloads-tas"""
METADATA_SERVER = ("169.254.169.254", 80)
"""https://docs.cloud.google.com/kubernetes-engine/docs/how-to/network-policy#network-policy-and-workload-identity"""
DRIVER_DIRECTORY = "/home/kubernetes/bin/nvidia"
"""Where GKE puts NVIDIA's driver on Container-Optimized OS."""


def gcp_traits(settings: GcpSettings, pools: Iterable[PoolPlan], *, accelerators: bool) -> ClusterTraits:
    """GKE brings driver and device plugin, and shares GPUs by node pool, unless the GPU operator shall do it all."""
    owner = "operator" if settings.gpu_driver == "operator" else "cloud"
    return ClusterTraits(
        kubernetes_version=settings.kubernetes_version(),
        storage_class=ENCRYPTED_CLASS if settings.cmek else STORAGE_CLASS,
        load_balancer="cloud",
        gpu_driver_owner=owner,
        gpu_toolkit_owner="operator",
        gpu_device_plugin_owner=owner,
        gpu_driver_directory=DRIVER_DIRECTORY if owner == "cloud" else "",
        accelerators=accelerators,
        zones=settings.zone_names(),
        rdma="roce" if any(plan.machine.fabric == "roce" for plan in pools) else "none",
        disposable=settings.disposable,
        system_selector={POOL_LABEL: SYSTEM_POOL},
        credential_endpoints=(METADATA_SERVER,),
        topology_levels=TOPOLOGY,
        provisioning_class=PROVISIONING_CLASS,
    )
