"""The whole platform of one environment, in dependency order: where the rooms meet."""

from collections.abc import Iterable, Mapping
from importlib import import_module
from typing import Any, cast

import pulumi

from cnai.capabilities import ObjectStorage
from cnai.capacity.pools import GpuPool, GpuPoolArgs, NodePool, args_of
from cnai.clouds.build import build_cluster
from cnai.clouds.pools import SYSTEM_POOL, PoolPlan
from cnai.clouds.protocol import Cluster, Registry
from cnai.component import Part
from cnai.environment import Environment
from cnai.environment.choices import Chosen
from cnai.feature import Feature
from cnai.features import features, predecessors
from cnai.site import Site
from cnai.tenancy.share import TeamShare, combined
from cnai.tenancy.shared import Tenancy
from cnai.tenancy.team import Team, TeamArgs


def team_args(environment: Environment, team: str, shares: Iterable[TeamShare] = ()) -> TeamArgs:
    spec = environment.teams[team]
    return TeamArgs(
        gpu_quota=environment.gpu_quota(team),
        priority=spec.priority,
        storage_gib=spec.storage_gib,
        sso_group=spec.sso_group,
        budget_usd_per_month=spec.budget_usd_per_month,
        shares=tuple(shares),
    )


def component_class(feature: Feature) -> type[Any]:
    """The class in the `component.py` beside its `feature.py`, imported only where the feature is on."""
    return getattr(import_module(f"{feature.module.rpartition('.')[0]}.component"), feature.component)


class Platform(pulumi.ComponentResource):
    """Cluster, pools, registry, buckets, features and teams of one environment."""

    environment: Environment
    cluster: Cluster
    pools: Mapping[str, NodePool]
    registry: Registry | None
    """Where the environment's own images lie, on a cloud that has one."""
    site: Site
    """What features gave one another."""
    features: Mapping[str, Part]
    """Those that are on, by key."""
    teams: Mapping[str, Team]

    def __init__(self, environment: Environment, opts: pulumi.ResourceOptions | None = None) -> None:
        super().__init__("cnai:platform:Platform", environment.name, {}, opts)
        self.environment = environment
        self.cluster = self._cluster()
        self.pools = self._pools()
        own = pulumi.ResourceOptions(parent=self)
        self.registry = self.cluster.registry("registry", own)
        self.site = Site(environment, self.cluster)
        self.features = self._features()
        self.teams = self._teams()
        self.register_outputs({})

    def _cluster(self) -> Cluster:
        return build_cluster(
            self.environment.cloud,
            "cluster",
            environment=self.environment.name,
            settings=self.environment.cloud_settings,
            pools=self.environment.pools,
            opts=pulumi.ResourceOptions(parent=self),
        )

    def _pools(self) -> Mapping[str, NodePool]:
        """The system pool first: it carries what makes the others."""
        plans = sorted(self.environment.pools.items(), key=lambda item: item[0] != SYSTEM_POOL)
        return {name: self._pool(name, plan) for name, plan in plans}

    def _pool(self, name: str, plan: PoolPlan) -> NodePool:
        args, opts = args_of(self.cluster, plan), pulumi.ResourceOptions(parent=self)
        return GpuPool(name, args, opts) if isinstance(args, GpuPoolArgs) else NodePool(name, args, opts)

    def _features(self) -> Mapping[str, Part]:
        built: dict[str, Part] = {}
        there = [self.pools[SYSTEM_POOL], *self.cluster.ready()]
        for key, chosen in self.environment.features.items():
            built[key] = self._feature(chosen, [*there, *self._awaited(chosen.feature, built)])
            self.site.take_up(built[key].gives())
        return built

    def _feature(self, chosen: Chosen, after: list[pulumi.Resource]) -> Part:
        feature = chosen.feature
        return component_class(feature).build(
            feature.logical_name, chosen.settings, self.site, self._on_cluster(*after)
        )

    @staticmethod
    def _awaited(feature: Feature, built: Mapping[str, Part]) -> list[pulumi.Resource]:
        """Of each feature before this one that is on, the part that others wait for."""
        parts = (built[key] for key in sorted(predecessors(feature, features())) if key in built)
        return [part.ready for part in parts if part.ready is not None]

    def _teams(self) -> Mapping[str, Team]:
        if not self.environment.teams:
            return {}
        rules = combined(part.rules() for part in self.features.values())
        tenancy = Tenancy("tenancy", self._on_cluster(), rules=rules)
        return {team: self._team(team, tenancy) for team in self.environment.teams}

    def _team(self, team: str, tenancy: Tenancy) -> Team:
        parts = self.features.values()
        shares = [part.share(team, self.environment.teams[team]) for part in parts]
        # Objects are of kinds that their feature brings.
        owners = [part.ready for part, share in zip(parts, shares, strict=True) if share.objects]
        opts = self._on_cluster(tenancy, *(owner for owner in owners if owner is not None))
        # A team's namespace holds its volumes.
        opts.protect = not self.cluster.traits.disposable
        made = Team(team, team_args(self.environment, team, shares), opts)
        for part in parts:
            part.admit(team, made.namespace, pulumi.ResourceOptions(parent=self, depends_on=[made]))
        return made

    def _on_cluster(self, *after: pulumi.Resource) -> pulumi.ResourceOptions:
        return pulumi.ResourceOptions(parent=self, providers=[self.cluster.provider], depends_on=list(after))

    def exports(self) -> dict[str, Any]:
        """What the environment's users want to know; no secret is among it."""
        traits, chosen = self.cluster.traits, self.environment.features
        found: dict[str, Any] = {
            "cluster": {
                "cloud": self.environment.cloud,
                "kubernetes": traits.kubernetes_version,
                "zones": list(traits.zones),
            },
            "pools": {name: pool_summary(plan) for name, plan in self.environment.pools.items()},
            "namespaces": {
                chosen[key].feature.logical_name: cast("Any", part).namespace
                for key, part in self.features.items()
                if hasattr(part, "namespace")
            },
            "endpoints": {name: where for part in self.features.values() for name, where in part.endpoints().items()},
            "teams": {name: team.namespace for name, team in self.teams.items()},
        }
        if self.registry:
            found["registry"] = self.registry.url
        if storage := self.site.capability(ObjectStorage):
            found["buckets"] = dict(storage.buckets)
        return found


def pool_summary(plan: PoolPlan) -> dict[str, Any]:
    """Size and list price; a price at `max` is what the pool can cost at most."""
    machine, sizes = plan.machine, {"min": plan.min, "max": plan.max}
    found: dict[str, Any] = {
        "machine": machine.name,
        "nodes": sizes,
        "capacity": [route.kind for route in plan.routes],
        "usd_per_hour": {key: round(size * machine.price_usd_per_hour, 2) for key, size in sizes.items()},
    }
    if machine.accelerator:
        gpus = {key: size * plan.gpus_per_node for key, size in sizes.items()}
        found["gpus"] = {"model": machine.accelerator.name, **gpus}
    return found
