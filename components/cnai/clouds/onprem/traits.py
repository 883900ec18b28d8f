"""What others may assume about an existing cluster."""

from collections.abc import Mapping

from cnai.clouds.onprem.settings import CEPH, OnpremSettings
from cnai.clouds.pools import SYSTEM_POOL, PoolPlan
from cnai.clouds.traits import ClusterTraits, LoadBalancerKind

CEPH_CLASS = "ceph-block"
_BALANCERS: Mapping[str, LoadBalancerKind] = {"metallb": "metallb", "existing": "cloud", "none": "none"}


def onprem_traits(settings: OnpremSettings, pools: Mapping[str, PoolPlan], accelerators: bool) -> ClusterTraits:
    system = pools.get(SYSTEM_POOL)
    return ClusterTraits(
        kubernetes_version=settings.kubernetes_version(),
        storage_class=CEPH_CLASS if settings.storage == CEPH else settings.storage,
        load_balancer=_BALANCERS[settings.load_balancer],
        gpu_driver_owner=settings.gpu_driver,
        gpu_toolkit_owner=settings.gpu_driver,
        accelerators=accelerators,
        zones=settings.zone_names(),
        rdma=settings.rdma,
        disposable=settings.disposable,
        system_selector=system.selector if system else {},
        system_tolerations=tuple(system.tolerations) if system else (),
    )
