"""A cluster by its context in the kubeconfig: what it lacks is installed, its nodes are left alone."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

import pulumi
import pulumi_kubernetes as k8s

from cnai.clouds.onprem.ceph import Ceph, CephArgs
from cnai.clouds.onprem.metallb import MetalLB, MetalLBArgs
from cnai.clouds.onprem.settings import CEPH, OnpremSettings
from cnai.clouds.onprem.traits import onprem_traits
from cnai.clouds.pools import PoolPlan
from cnai.clouds.traits import ClusterTraits


@dataclass(frozen=True, kw_only=True)
class OnpremClusterArgs:
    environment: str
    settings: OnpremSettings
    accelerators: bool = False
    """Whether any pool has accelerators."""
    pools: Mapping[str, PoolPlan] = field(default_factory=dict[str, PoolPlan])
    """Which nodes are which pool; add-ons go to those of the system pool."""


def every_toleration(pools: Mapping[str, PoolPlan]) -> tuple[Mapping[str, Any], ...]:
    """What a pod tolerates that may run on any node of any pool, each once."""
    found = {str(each): each for plan in pools.values() for each in plan.tolerations}
    return tuple(found.values())


class OnpremCluster(pulumi.ComponentResource):
    """The context, and storage and load balancer where the site has none."""

    cloud = "onprem"
    traits: ClusterTraits
    provider: pulumi.ProviderResource

    def __init__(self, name: str, args: OnpremClusterArgs, opts: pulumi.ResourceOptions | None = None) -> None:
        super().__init__("cnai:clouds:OnpremCluster", name, {}, opts)
        self._args = args
        self.traits = onprem_traits(args.settings, args.pools, args.accelerators)
        # By name: the kubeconfig's current context may be any other cluster.
        self.provider = k8s.Provider(
            f"{name}-kubernetes",
            context=args.settings.context,
            enable_server_side_apply=True,
            opts=pulumi.ResourceOptions(parent=self),
        )
        self._installed = [*self._storage(f"{name}-ceph"), *self._load_balancer(f"{name}-metallb")]
        self.register_outputs({})

    def node_group(self, name: str, plan: PoolPlan, opts: pulumi.ResourceOptions) -> None:
        """The nodes are there: their labels and taints are the site's, and nothing is declared."""

    def ready(self) -> list[pulumi.Resource]:
        return list(self._installed)

    def registry(self, name: str, opts: pulumi.ResourceOptions) -> None:
        """The site has its own, or none."""

    def buckets(self, name: str, opts: pulumi.ResourceOptions) -> None:
        """There are none: the platform's own object store is all there is."""

    def _storage(self, name: str) -> list[pulumi.Resource]:
        settings = self._args.settings
        if settings.storage != CEPH:
            return []
        args = CephArgs(
            traits=self.traits,
            selector=settings.ceph.selector or self.traits.system_selector,
            devices=settings.ceph.devices,
            replicas=settings.ceph.replicas,
            tolerations=every_toleration(self._args.pools),
        )
        return [Ceph(name, args, self._on_cluster())]

    def _load_balancer(self, name: str) -> list[pulumi.Resource]:
        settings = self._args.settings
        if settings.load_balancer != "metallb":
            return []
        args = MetalLBArgs(traits=self.traits, addresses=settings.addresses)
        return [MetalLB(name, args, self._on_cluster())]

    def _on_cluster(self) -> pulumi.ResourceOptions:
        return pulumi.ResourceOptions(parent=self, providers=[self.provider])
