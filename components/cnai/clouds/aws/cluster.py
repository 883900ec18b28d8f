"""EKS from nothing: network, control plane, system nodes, add-ons, and Karpenter for everything that scales."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import pulumi
import pulumi_aws as aws

from cnai.clouds.aws.addons import Addon, AwsAddons, DefaultStorageClass, before_nodes, on_nodes
from cnai.clouds.aws.buckets import AwsBuckets, AwsBucketsArgs
from cnai.clouds.aws.control_plane import AwsControlPlane, AwsControlPlaneArgs
from cnai.clouds.aws.fabric import EfaPlugin, FabricGroup, efa_pools
from cnai.clouds.aws.groups import AwsNodeGroup, AwsNodeGroupArgs, PlacementGroup
from cnai.clouds.aws.identity import NODE_POLICIES, service_role
from cnai.clouds.aws.karpenter import AwsKarpenter, AwsKarpenterArgs
from cnai.clouds.aws.network import AwsNetwork, AwsNetworkArgs
from cnai.clouds.aws.nodepools import AwsNodePools, NodeClassArgs
from cnai.clouds.aws.registry import AwsRegistry, AwsRegistryArgs
from cnai.clouds.aws.routes import floor, group_routes, karpenter_routes, route_name, warnings, zones_of
from cnai.clouds.aws.settings import AwsSettings
from cnai.clouds.aws.traits import aws_traits
from cnai.clouds.pools import SYSTEM_POOL, PoolPlan, Route
from cnai.clouds.traits import ClusterTraits
from cnai.errors import UserError


@dataclass(frozen=True, kw_only=True)
class AwsClusterArgs:
    """Raises `UserError` where the settings do not hold together, or AWS cannot make the pools in them."""

    environment: str
    """Name of the cluster, and of its context in the kubeconfig."""
    settings: AwsSettings
    accelerators: bool = False
    """Whether any pool will have accelerators."""
    pools: Mapping[str, PoolPlan] = field(default_factory=dict[str, PoolPlan])
    """All that will be declared."""

    def __post_init__(self) -> None:
        wrong = [(("cloud", "aws", *path), text) for path, text in self.settings.problems()]
        wrong = wrong or list(self.settings.pool_problems(self.pools.values()))
        if wrong:
            raise UserError("\n".join(sorted(f"cnai:{'.'.join(map(str, path))}: {text}" for path, text in wrong)))


class AwsCluster(pulumi.ComponentResource):
    """An EKS cluster in its own VPC."""

    cloud = "aws"
    traits: ClusterTraits
    provider: pulumi.ProviderResource
    _kubernetes: pulumi.ProviderResource | None

    def __init__(self, name: str, args: AwsClusterArgs, opts: pulumi.ResourceOptions | None = None) -> None:
        super().__init__("cnai:clouds:AwsCluster", name, {}, opts)
        self._name, self._args, settings = name, args, args.settings
        self.traits = aws_traits(settings, args.pools.values(), accelerators=args.accelerators)
        self._aws, self._kubernetes = self._cloud(), None
        self._network = AwsNetwork(f"{name}-network", self._network_args(), self._inside())
        plane = AwsControlPlaneArgs(environment=args.environment, settings=settings, network=self._network)
        self._plane = AwsControlPlane(name, plane, self._inside())
        self.provider = self._kubernetes = self._plane.kubernetes
        self._node_role = service_role(f"{name}-node", "ec2.amazonaws.com", NODE_POLICIES, self._inside())
        self._fabric = self._fabric_group()
        self._first = self._addons("first", before_nodes())
        self._late: list[pulumi.Resource] = []
        self._karpenter: AwsKarpenter | None = None
        self.register_outputs({})

    def _cloud(self) -> aws.Provider:
        tags = {"cnai.dev/environment": self._args.environment, "app.kubernetes.io/managed-by": "cnai"}
        region = self._args.settings.region
        inside = pulumi.ResourceOptions(parent=self)
        return aws.Provider(f"{self._name}-aws", region=region, default_tags={"tags": tags}, opts=inside)

    def _inside(self, *after: pulumi.Resource) -> pulumi.ResourceOptions:
        """For components of the cluster: with its AWS provider, and its Kubernetes one once that is there."""
        providers: list[pulumi.ProviderResource] = [self._aws]
        if self._kubernetes:
            providers.append(self._kubernetes)
        return pulumi.ResourceOptions(parent=self, providers=providers, depends_on=list(after))

    def _network_args(self) -> AwsNetworkArgs:
        settings = self._args.settings
        return AwsNetworkArgs(
            cluster=self._args.environment,
            region=settings.region,
            zones=settings.zone_names(),
            cidr=settings.cidr,
            nat=settings.nat,
            log_retention_days=settings.log_retention_days,
        )

    def _fabric_group(self) -> FabricGroup | None:
        if not efa_pools(self._args.pools.values()):
            return None
        return FabricGroup(f"{self._name}-efa", self._args.environment, self._network.vpc.id, self._inside())

    def _addons(self, which: str, addons: Sequence[Addon], *after: pulumi.Resource) -> AwsAddons:
        kubernetes = self._args.settings.kubernetes_version()
        return AwsAddons(f"{self._name}-{which}", self._plane.cluster, kubernetes, addons, self._inside(*after))

    def node_group(self, name: str, plan: PoolPlan, opts: pulumi.ResourceOptions) -> None:
        below = pulumi.ResourceOptions(parent=opts.parent, providers=[self._aws, self.provider])
        for text in warnings(plan):
            pulumi.log.warn(text)
        placement = self._placement(name, plan, below)
        groups = [self._group(name, plan, route, placement, below) for route in group_routes(plan)]
        if plan.name == SYSTEM_POOL:
            self._late += self._on_system_nodes([each.group for each in groups])
        elif karpenter_routes(plan):
            after = pulumi.ResourceOptions(depends_on=self._late)
            below = pulumi.ResourceOptions.merge(below, after)
            AwsNodePools(f"{name}-karpenter", self._node_class_args(), plan, placement, below)

    def _placement(self, name: str, plan: PoolPlan, opts: pulumi.ResourceOptions) -> pulumi.Output[str] | None:
        """Machines of a capacity block are near to each other anyway."""
        if plan.placement != "compact" or all(route.kind == "block" for route in plan.routes):
            return None
        return PlacementGroup(name, opts).name

    def _group(
        self,
        name: str,
        plan: PoolPlan,
        route: Route,
        placement: pulumi.Output[str] | None,
        opts: pulumi.ResourceOptions,
    ) -> AwsNodeGroup:
        settings, subnets = self._args.settings, self._subnets()
        args = AwsNodeGroupArgs(
            plan=plan,
            route=route,
            cluster=self._plane.cluster.name,
            kubernetes=settings.kubernetes_version(),
            image_release=settings.image_release(),
            role_arn=self._node_role.arn,
            subnets=[subnets[zone] for zone in zones_of(plan, route)],
            security_groups=self._security_groups(plan),
            placement_group=None if route.kind == "block" else placement,
        )
        first = [*self._first.addons, *self._node_role.complete, *self._network.ways_out]
        after = pulumi.ResourceOptions(depends_on=first if plan.name == SYSTEM_POOL else [*first, *self._late])
        named = name if plan.name == SYSTEM_POOL else route_name(plan, route)
        return AwsNodeGroup(named, args, pulumi.ResourceOptions.merge(opts, after))

    def _subnets(self) -> dict[str, pulumi.Output[str]]:
        zones = self._args.settings.zone_names()
        return {zone: subnet.id for zone, subnet in zip(zones, self._network.private, strict=True)}

    def _security_groups(self, plan: PoolPlan) -> list[pulumi.Output[str]]:
        fabric = [self._fabric.id] if self._fabric and plan.fabric == "efa" else []
        return [self._plane.security_group, *fabric]

    def _on_system_nodes(self, groups: list[aws.eks.NodeGroup]) -> list[pulumi.Resource]:
        """DNS and disks first, then what makes every other node."""
        system = self._addons("system", on_nodes(self.traits), *groups)
        disks = DefaultStorageClass(f"{self._name}-storage", self._inside(*system.addons))
        if any(karpenter_routes(plan) for plan in self._args.pools.values()):
            self._karpenter = AwsKarpenter(
                f"{self._name}-karpenter", self._karpenter_args(), self._inside(*system.addons)
            )
        late: list[pulumi.Resource] = [*system.addons, disks, *([self._fabric] if self._fabric else [])]
        late += [self._karpenter.release] if self._karpenter else []
        if pools := efa_pools(self._args.pools.values()):
            late.append(EfaPlugin(f"{self._name}-efa-plugin", pools, self._inside(*groups)).release)
        return late

    def _karpenter_args(self) -> AwsKarpenterArgs:
        return AwsKarpenterArgs(
            traits=self.traits,
            cluster=self._args.environment,
            cluster_arn=self._plane.cluster.arn,
            region=self._args.settings.region,
            static=any(floor(plan) for plan in self._args.pools.values()),
        )

    def _autoscaler(self) -> AwsKarpenter:
        if self._karpenter is None:
            raise UserError(
                "declare the system pool first, and all pools in AwsClusterArgs.pools: Karpenter runs on it"
            )
        return self._karpenter

    def _node_class_args(self) -> NodeClassArgs:
        return NodeClassArgs(
            role=self._autoscaler().node_role.name,
            image_release=self._args.settings.image_release(),
            cluster=self._args.environment,
            tags={"cnai.dev/environment": self._args.environment},
        )

    def ready(self) -> list[pulumi.Resource]:
        return [*self._first.addons, *self._late]

    def registry(self, name: str, opts: pulumi.ResourceOptions) -> AwsRegistry:
        args = AwsRegistryArgs(**self._facts())
        return AwsRegistry(name, args, pulumi.ResourceOptions.merge(opts, _providers(self._aws)))

    def buckets(self, name: str, opts: pulumi.ResourceOptions) -> AwsBuckets:
        args = AwsBucketsArgs(**self._facts(), cluster=self._plane.cluster.name, provider=self._aws)
        return AwsBuckets(name, args, pulumi.ResourceOptions.merge(opts, _providers(self._aws)))

    def _facts(self) -> dict[str, Any]:
        settings = self._args.settings
        return {"environment": self._args.environment, "region": settings.region, "disposable": settings.disposable}


def _providers(*providers: pulumi.ProviderResource) -> pulumi.ResourceOptions:
    return pulumi.ResourceOptions(providers=list(providers))
