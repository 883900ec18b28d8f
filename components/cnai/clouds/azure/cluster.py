"""AKS: an Entra-only control plane inside the VNet, its system pool, and agent pools beside it."""

import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

import pulumi
import pulumi_azure_native as azure
import pulumi_kubernetes as k8s
from pulumi_azure_native import compute, containerservice, resources

from cnai.clouds.azure.buckets import AzureBuckets, AzureBucketsArgs
from cnai.clouds.azure.groups import (
    Surroundings,
    agent_pool,
    agent_pool_name,
    autoscaled,
    group_role,
    priorities,
    reservations,
)
from cnai.clouds.azure.identity import AzureIdentities, AzureIdentitiesArgs, assign
from cnai.clouds.azure.kubeconfig import endpoint, kubeconfig
from cnai.clouds.azure.logs import control_plane_logs, workspace
from cnai.clouds.azure.network import AzureNetwork, AzureNetworkArgs
from cnai.clouds.azure.profile import cluster_profile, security_profile
from cnai.clouds.azure.registry import AzureRegistry, AzureRegistryArgs
from cnai.clouds.azure.settings import AzureSettings
from cnai.clouds.azure.traits import azure_traits
from cnai.clouds.azure.vault import AzureVault, AzureVaultArgs
from cnai.clouds.pools import SYSTEM_POOL, PoolPlan, Route
from cnai.clouds.traits import ClusterTraits


@dataclass(frozen=True, kw_only=True)
class AzureClusterArgs:
    environment: str
    """Resource group `cnai-<environment>` holds everything."""
    settings: AzureSettings
    accelerators: bool = False
    """Whether any pool will have accelerators."""
    pools: Mapping[str, PoolPlan] = field(default_factory=dict[str, PoolPlan])
    """The system pool among them: AKS makes it with the cluster."""

    def __post_init__(self) -> None:
        if SYSTEM_POOL not in self.pools:
            raise ValueError(f"pools: give one named {SYSTEM_POOL}: AKS creates the cluster with it")


class AzureCluster(pulumi.ComponentResource):
    """Resource group, network, identities, key, cluster, logs."""

    cloud = "azure"
    traits: ClusterTraits
    provider: pulumi.ProviderResource

    def __init__(self, name: str, args: AzureClusterArgs, opts: pulumi.ResourceOptions | None = None) -> None:
        super().__init__("cnai:clouds:AzureCluster", name, {}, opts)
        self._name, self._args, self._settings = name, args, args.settings
        self._tags = {"cnai-environment": args.environment}
        self.traits = azure_traits(args.settings, args.pools, args.accelerators)
        self._azure = self._azure_provider()
        self._group = self._resource_group()
        self._network = self._networked()
        self._identities = self._identified()
        self._vault = self._keyed() if args.settings.secrets_key else None
        self._logs = workspace(f"{name}-logs", args.settings.log_retention_days, self._placed(), self._own())
        self._cluster = self._managed()
        control_plane_logs(f"{name}-diagnostics", self._cluster.id, self._logs.id, self._own())
        self.provider = self._kubernetes()
        self.register_outputs({})

    def node_group(self, name: str, plan: PoolPlan, opts: pulumi.ResourceOptions) -> None:
        """The system pool's first route came with the cluster."""
        own = pulumi.ResourceOptions(parent=opts.parent, provider=self._azure)
        routes = plan.routes[1:] if plan.name == SYSTEM_POOL else plan.routes
        around = self._around(self._placement(name, plan, own) if plan.placement and routes else None)
        for route in routes:
            self._agent_pool(f"{name}-{group_role(route)}", plan, route, around, own)

    def ready(self) -> list[pulumi.Resource]:
        """The autoscaler is AKS's own; here it learns the routes' order."""
        order = k8s.core.v1.ConfigMap(
            f"{self._name}-routes",
            metadata={"name": "cluster-autoscaler-priority-expander", "namespace": "kube-system"},
            data={"priorities": priorities(self._args.pools.values())},
            opts=pulumi.ResourceOptions(parent=self, provider=self.provider),
        )
        return [self._cluster, order]

    def registry(self, name: str, opts: pulumi.ResourceOptions) -> AzureRegistry:
        args = AzureRegistryArgs(
            environment=self._args.environment,
            settings=self._settings,
            resource_group=self._group.name,
            kubelet=self._identities.kubelet,
            tags=self._tags,
        )
        return AzureRegistry(name, args, self._with_azure(opts))

    def buckets(self, name: str, opts: pulumi.ResourceOptions) -> AzureBuckets:
        args = AzureBucketsArgs(
            environment=self._args.environment,
            settings=self._settings,
            resource_group=self._group.name,
            subnet=self._network.nodes.id,
            issuer=self._cluster.oidc_issuer_profile.apply(lambda profile: profile.issuer_url if profile else ""),
            kubernetes=self.provider,
            tags=self._tags,
        )
        return AzureBuckets(name, args, self._with_azure(opts))

    def _own(self, *after: pulumi.Resource, **more: Any) -> pulumi.ResourceOptions:
        return pulumi.ResourceOptions(parent=self, providers=[self._azure], depends_on=list(after), **more)

    def _with_azure(self, opts: pulumi.ResourceOptions) -> pulumi.ResourceOptions:
        return pulumi.ResourceOptions.merge(opts, pulumi.ResourceOptions(providers=[self._azure]))

    def _placed(self) -> dict[str, Any]:
        return {"resource_group_name": self._group.name, "location": self._settings.region, "tags": self._tags}

    def _azure_provider(self) -> azure.Provider:
        return azure.Provider(
            f"{self._name}-azure",
            subscription_id=self._settings.subscription_id,
            tenant_id=self._settings.tenant_id,
            location=self._settings.region,
            opts=pulumi.ResourceOptions(parent=self),
        )

    def _resource_group(self) -> resources.ResourceGroup:
        return resources.ResourceGroup(
            f"{self._name}-group",
            resource_group_name=f"cnai-{self._args.environment}",
            location=self._settings.region,
            tags=self._tags,
            opts=self._own(protect=not self._settings.disposable),
        )

    def _networked(self) -> AzureNetwork:
        args = AzureNetworkArgs(
            resource_group=self._group.name,
            region=self._settings.region,
            cidr=self._settings.cidr,
            nat_addresses=self._settings.nat_addresses,
            tags=self._tags,
        )
        return AzureNetwork(f"{self._name}-network", args, self._own())

    def _identified(self) -> AzureIdentities:
        args = AzureIdentitiesArgs(
            resource_group=self._group.name,
            region=self._settings.region,
            subscription_id=self._settings.subscription_id,
            vnet=self._network.vnet.id,
            reservations=reservations(self._args.pools),
        )
        return AzureIdentities(f"{self._name}-identities", args, self._own())

    def _keyed(self) -> AzureVault:
        args = AzureVaultArgs(
            resource_group=self._group.name,
            region=self._settings.region,
            subscription_id=self._settings.subscription_id,
            tenant_id=self._settings.tenant_id,
            identities=self._identities,
            disposable=self._settings.disposable,
        )
        return AzureVault(f"{self._name}-vault", args, self._own())

    def _managed(self) -> containerservice.ManagedCluster:
        system, vault = self._args.pools[SYSTEM_POOL], self._vault
        first = system.routes[0]
        pool = {"name": agent_pool_name(system, first), **agent_pool(system, first, self._around(None))}
        # The autoscaler counts from here on.
        counted = ["agentPoolProfiles[0].count"] if autoscaled(system, first=True) else None
        facts: dict[str, Any] = {
            **cluster_profile(self._settings, self._network.api.id),
            **self._identities.profile(),
            "agent_pool_profiles": [pool],
            "security_profile": security_profile(self._settings, self._logs.id, vault.profile() if vault else None),
        }
        return containerservice.ManagedCluster(
            f"{self._name}-aks",
            resource_name_=self._args.environment,
            dns_prefix=self._args.environment,
            node_resource_group=f"cnai-{self._args.environment}-nodes",
            opts=self._own(*self._identities.granted, *(vault.granted if vault else ()), ignore_changes=counted),
            **facts,
            **self._placed(),
        )

    def _kubernetes(self) -> k8s.Provider:
        found = containerservice.list_managed_cluster_user_credentials_output(
            resource_group_name=self._group.name,
            resource_name=self._cluster.name,
            format="exec",
            opts=pulumi.InvokeOutputOptions(parent=self, provider=self._azure, depends_on=[self._cluster]),
        )
        written = found.kubeconfigs.apply(
            lambda given: json.dumps(kubeconfig(self._args.environment, *endpoint(given), self._settings))
        )
        return k8s.Provider(
            f"{self._name}-kubernetes",
            kubeconfig=written,
            context=self._args.environment,
            enable_server_side_apply=True,
            opts=pulumi.ResourceOptions(parent=self),
        )

    def _around(self, placement: Any) -> Surroundings:
        return Surroundings(
            settings=self._settings, subnet=self._network.nodes.id, placement_group=placement, tags=self._tags
        )

    def _placement(self, name: str, plan: PoolPlan, own: pulumi.ResourceOptions) -> pulumi.Output[str]:
        """AKS updates the group as the control plane, which therefore needs the right to."""
        group = compute.ProximityPlacementGroup(
            f"{name}-placement",
            proximity_placement_group_name=name,
            proximity_placement_group_type=compute.ProximityPlacementGroupType.STANDARD,
            intent={"vm_sizes": [plan.machine.name]},
            opts=own,
            **self._placed(),
        )
        identity = self._identities.control_plane
        granted = assign(f"{name}-places", "Contributor", group.id, identity, self._settings.subscription_id, own)
        return pulumi.Output.all(group.id, granted.id).apply(lambda ids: ids[0])

    def _agent_pool(
        self, name: str, plan: PoolPlan, route: Route, around: Surroundings, own: pulumi.ResourceOptions
    ) -> containerservice.AgentPool:
        counted = ["count"] if autoscaled(plan, first=route == plan.routes[0]) else []
        return containerservice.AgentPool(
            name,
            agent_pool_name=agent_pool_name(plan, route),
            resource_group_name=self._group.name,
            resource_name_=self._cluster.name,
            opts=pulumi.ResourceOptions.merge(own, pulumi.ResourceOptions(ignore_changes=counted)),
            **agent_pool(plan, route, around),
        )
