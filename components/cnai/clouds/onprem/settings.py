"""What `cnai:cloud.onprem` may say."""

from collections.abc import Iterable, Iterator
from typing import Annotated, Literal

from pydantic import Field, StrictBool, StrictStr

from cnai.clouds.devices import sharing_labels
from cnai.clouds.machines import kubernetes_version
from cnai.clouds.onprem import addresses
from cnai.clouds.pools import SYSTEM_POOL, PoolPlan, RouteKind
from cnai.clouds.settings import Minor, Problems, Settings

CEPH = "rook-ceph"
CEPH_NODES = 3
"""Monitors agree by majority, and each copy of the data is on another node."""


class CephSettings(Settings):
    """Where Ceph keeps its data."""

    selector: dict[StrictStr, StrictStr] = Field(default_factory=dict)
    """Labels of the nodes whose disks it takes; those of the system pool where it is left out."""
    devices: StrictStr | None = None
    """Disks that it takes, as a regular expression over names, such as ^nvme[1-9]; every empty one if left out."""
    replicas: Annotated[int, Field(strict=True, ge=2, le=5)] = 3
    """Copies of everything, each on another node."""


class OnpremSettings(Settings):
    """A cluster that is there already, reached with the kubeconfig that is in use."""

    context: Annotated[StrictStr, Field(min_length=1)]
    """Context of the kubeconfig; nothing else in it is ever touched."""
    storage: Annotated[StrictStr, Field(min_length=1)] = CEPH
    """rook-ceph, which is then installed, or the StorageClass that is there."""
    ceph: CephSettings = CephSettings()
    """Of rook-ceph."""
    load_balancer: Literal["metallb", "existing", "none"] = "none"
    """Who gives Services of type LoadBalancer their addresses: MetalLB, which is then installed, or what is there."""
    addresses: tuple[StrictStr, ...] = ()
    """Addresses MetalLB assigns: ranges such as 10.1.2.10-10.1.2.99, or CIDRs."""
    rdma: Literal["none", "infiniband"] = "none"
    """Fabric between GPU nodes."""
    gpu_driver: Literal["operator", "image"] = "operator"
    """Who installs NVIDIA's driver and container toolkit: the GPU operator, or whoever made the nodes (DGX OS)."""
    zones: tuple[StrictStr, ...] = ()
    """Values of the nodes' label topology.kubernetes.io/zone, if they have it."""
    kubernetes: Minor | None = None
    """Kubernetes minor that the cluster has."""
    disposable: StrictBool = False
    """Whether what keeps state may go with the environment."""

    @property
    def makes_nodes(self) -> bool:
        return False

    def zone_names(self) -> tuple[str, ...]:
        return self.zones

    def region_name(self) -> str:
        return "onprem"

    def routes(self) -> tuple[RouteKind, ...]:
        return ("on-demand",)

    def object_stores(self) -> tuple[str, ...]:
        return ("minio", "seaweedfs")

    def fabrics(self) -> tuple[str, ...]:
        return () if self.rdma == "none" else (self.rdma,)

    def kubernetes_version(self) -> str:
        return self.kubernetes or kubernetes_version("onprem")

    def packages(self, plans: Iterable[PoolPlan]) -> tuple[str, ...]:
        ceph = ("rook-ceph", "ceph-csi-drivers", "rook-ceph-cluster") if self.storage == CEPH else ()
        return (*ceph, *(("metallb",) if self.load_balancer == "metallb" else ()))

    def problems(self) -> Problems:
        if self.load_balancer == "metallb" and not self.addresses:
            yield ("addresses",), "MetalLB has none to assign: give unused ranges of your network"
        elif self.load_balancer != "metallb" and self.addresses:
            yield ("addresses",), "only MetalLB uses them: set load_balancer: metallb, or leave them out"
        for index, text in addresses.wrong(self.addresses):
            yield ("addresses", index), text
        if self.storage != CEPH and self.ceph != CephSettings():
            yield ("ceph",), f"storage is {self.storage}: leave ceph out, or set storage: {CEPH}"

    def pool_problems(self, plans: Iterable[PoolPlan]) -> Problems:
        plans = list(plans)
        for plan in plans:
            for key, text in _not_of_existing_nodes(plan):
                yield ("pools", plan.name, key), text
            for other in plans:
                if plan.name != other.name and other.node_selector.items() <= plan.node_selector.items():
                    text = f"{other.name} selects these nodes too: add a label that distinguishes the pools"
                    yield ("pools", plan.name, "selector"), text
        system = next((plan for plan in plans if plan.name == SYSTEM_POOL), None)
        if self.storage == CEPH and not self.ceph.selector and system and system.min < CEPH_NODES:
            text = f"Ceph needs {CEPH_NODES} nodes: give as many, select others with ceph.selector, or change storage"
            yield ("pools", SYSTEM_POOL, "min"), text


def _not_of_existing_nodes(plan: PoolPlan) -> Iterator[tuple[str, str]]:
    """What only someone who makes nodes can do."""
    if plan.max != plan.min:
        yield "max", "nothing creates nodes here: set both min and max to the number of existing nodes"
    if plan.labels:
        yield "labels", "labels of existing nodes are yours to set: use selector, and leave labels out"
    if plan.placement:
        yield "placement", "existing nodes cannot be placed: leave it out"
    for key, value in sharing_labels(plan.sharing).items():
        if plan.node_selector.get(key) != value:
            yield "sharing", f"the GPU operator shares GPUs by a node's label: set {key}={value} and select it too"
