"""The sandbox's own cloud: an embedded control plane, and nodes that only the API server knows."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

import pulumi
import pulumi_kubernetes as k8s

from cnai.clouds.local.settings import LocalSettings
from cnai.clouds.nodes import node_manifest
from cnai.clouds.pools import POOL_LABEL, SYSTEM_POOL, PoolPlan
from cnai.clouds.traits import ClusterTraits

REGION = "local"


@dataclass(frozen=True, kw_only=True)
class LocalClusterArgs:
    environment: str
    """Whose sandbox: the cluster's context is `cnai-<environment>`."""
    settings: LocalSettings = field(default_factory=LocalSettings)
    accelerators: bool = False
    """Whether any pool will have accelerators."""
    pools: Mapping[str, PoolPlan] = field(default_factory=dict[str, PoolPlan])


def local_traits(args: LocalClusterArgs) -> ClusterTraits:
    return ClusterTraits(
        kubernetes_version=args.settings.kubernetes_version(),
        storage_class="cnai-sandbox",
        load_balancer="simulated",
        accelerators=args.accelerators,
        zones=args.settings.zone_names(),
        disposable=True,
        system_selector={POOL_LABEL: SYSTEM_POOL},
    )


class SimulatedNode(pulumi.CustomResource):
    """A Node declared whole: the SDK's class leaves `status` out, which the API does take on a new node."""

    def __init__(self, name: str, manifest: Mapping[str, Any], opts: pulumi.ResourceOptions) -> None:
        # A machine's size never changes under a node, so another size is another node of the same name.
        replaced = pulumi.ResourceOptions(replace_on_changes=["spec.providerID", "status"], delete_before_replace=True)
        super().__init__("kubernetes:core/v1:Node", name, dict(manifest), pulumi.ResourceOptions.merge(opts, replaced))


class LocalCluster(pulumi.ComponentResource):
    """The control plane that `./cnai sandbox` keeps; declaring it binds the Kubernetes provider to its context."""

    cloud = "local"
    traits: ClusterTraits
    provider: pulumi.ProviderResource

    def __init__(self, name: str, args: LocalClusterArgs, opts: pulumi.ResourceOptions | None = None) -> None:
        super().__init__("cnai:clouds:LocalCluster", name, {}, opts)
        self.traits = local_traits(args)
        # The context's name guards against whatever other cluster the ambient kubeconfig may point at.
        self.provider = k8s.Provider(
            f"{name}-kubernetes",
            context=f"cnai-{args.environment}",
            enable_server_side_apply=True,
            opts=pulumi.ResourceOptions(parent=self),
        )
        self.register_outputs({})

    def node_group(self, name: str, plan: PoolPlan, opts: pulumi.ResourceOptions) -> None:
        for index in range(plan.min):
            SimulatedNode(f"{name}-{index}", node_manifest(plan, index, region=REGION), opts)

    def ready(self) -> list[pulumi.Resource]:
        return []

    def registry(self, name: str, opts: pulumi.ResourceOptions) -> None:
        """There is none."""

    def buckets(self, name: str, opts: pulumi.ResourceOptions) -> None:
        """There are none: the platform's own object store is all there is."""
