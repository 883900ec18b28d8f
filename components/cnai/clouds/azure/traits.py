"""What others may assume of an AKS cluster."""

from collections.abc import Mapping

from cnai.clouds.azure.settings import AzureSettings
from cnai.clouds.pools import POOL_LABEL, SYSTEM_POOL, PoolPlan
from cnai.clouds.traits import ClusterTraits

STORAGE_CLASS = "managed-csi-premium"
"""AKS brings it: premium SSDs, redundant over the zones of a cluster that has several."""
WORKLOAD_IDENTITY = "azure.workload.identity/use"
"""https://azure.github.io/azure-workload-identity/docs/topics/service-account-labels-and-annotations.html"""
OPERATOR_RUNTIME, AKS_RUNTIME = "nvidia", "nvidia-container-runtime"
"""RuntimeClass with the GPU operator's toolkit, and with AKS's own driver and toolkit."""


def azure_traits(settings: AzureSettings, pools: Mapping[str, PoolPlan], accelerators: bool) -> ClusterTraits:
    managed = settings.gpu_driver == "cloud"
    infiniband = any(plan.machine.fabric for plan in pools.values())
    return ClusterTraits(
        kubernetes_version=settings.kubernetes_version(),
        storage_class=STORAGE_CLASS,
        load_balancer="cloud",
        gpu_driver_owner="image" if managed else "operator",
        gpu_toolkit_owner="image" if managed else "operator",
        gpu_runtime_class=AKS_RUNTIME if managed else OPERATOR_RUNTIME,
        accelerators=accelerators,
        zones=settings.zone_names(),
        rdma="infiniband" if infiniband else "none",
        disposable=settings.disposable,
        system_selector={POOL_LABEL: SYSTEM_POOL},
        credential_labels={WORKLOAD_IDENTITY: "true"},
    )
