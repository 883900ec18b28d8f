"""What a component may assume of the cluster it runs on, whichever cloud it comes from."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Literal

GpuOwner = Literal["operator", "image", "cloud"]
LoadBalancerKind = Literal["simulated", "metallb", "cloud", "none"]


@dataclass(frozen=True, kw_only=True)
class ClusterTraits:
    """The only facts about a cluster that rooms other than `clouds` may branch on."""

    kubernetes_version: str
    """Major and minor, such as `1.36`."""
    storage_class: str
    """The default StorageClass; it binds ReadWriteOnce volumes."""
    load_balancer: LoadBalancerKind
    """Who gives a Service of type LoadBalancer its address."""
    gpu_driver_owner: GpuOwner = "operator"
    """Who installs the NVIDIA driver: the GPU operator, the node's image, or the cloud's own DaemonSet."""
    gpu_toolkit_owner: GpuOwner = "operator"
    """Who installs the NVIDIA container toolkit."""
    gpu_device_plugin_owner: GpuOwner = "operator"
    """Who publishes GPUs to the kubelet, cuts them into MIG instances and shares them."""
    gpu_driver_directory: str = ""
    """Where the driver lies on nodes, if not where NVIDIA's own installer puts it."""
    gpu_runtime_class: str = "nvidia"
    """The RuntimeClass that gives a container its GPUs."""
    accelerators: bool = False
    """Whether any pool has accelerators, now or at its `max`."""
    zones: tuple[str, ...] = ()
    """The zones that nodes are spread over; empty where the cluster has no such notion."""
    rdma: Literal["none", "efa", "infiniband", "roce"] = "none"
    """The fabric between GPU nodes."""
    disposable: bool = False
    """Whether what it stores may go with it; where not, the platform protects what keeps state."""
    system_selector: Mapping[str, str] = field(default_factory=dict[str, str])
    """nodeSelector that keeps stateful add-ons on the system pool; empty where there is no such pool."""
    system_tolerations: tuple[Mapping[str, Any], ...] = ()
    """Tolerations that such a pod needs as well."""
    credential_endpoints: tuple[tuple[str, int], ...] = ()
    """Address and TCP port where pods get the cloud's short-lived credentials; network policies let them through."""
    credential_labels: Mapping[str, str] = field(default_factory=dict[str, str])
    """Labels without which a pod gets no credentials of the cloud."""
    topology_levels: tuple[str, ...] = ()
    """Labels by which nodes with a fabric say how near they are to each other, widest first; none if they do not."""
    provisioning_class: str = ""
    """Class of ProvisioningRequests that bring the nodes of `queued` routes; empty if nothing takes such requests."""
