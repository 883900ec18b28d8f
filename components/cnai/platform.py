"""The whole platform of one environment, in dependency order: where the rooms meet."""

from collections.abc import Mapping
from typing import Any, cast
from urllib.parse import urlsplit

import pulumi

from cnai.capacity.pools import GpuPool, GpuPoolArgs, NodePool, args_of
from cnai.catalog import catalog
from cnai.clouds.build import build_cluster
from cnai.clouds.pools import SYSTEM_POOL, PoolPlan
from cnai.clouds.protocol import Buckets, Cluster, Registry
from cnai.environment import Environment
from cnai.features import FEATURES
from cnai.storage.object_store import ObjectStore
from cnai.tenancy.names import TRAINER_ACCOUNT
from cnai.tenancy.shared import Tenancy
from cnai.tenancy.team import Team, TeamArgs


def team_args(
    environment: Environment, team: str, object_store: ObjectStore | None, credentials: tuple[tuple[str, int], ...] = ()
) -> TeamArgs:
    """`credentials`: where pods get the cloud's, if the team has anything there."""
    spec = environment.teams[team]
    monitoring = catalog()["kube-prometheus-stack"].namespace if environment.features.monitoring else None
    return TeamArgs(
        gpu_quota=environment.gpu_quota(team),
        priority=spec.priority,
        storage_gib=spec.storage_gib,
        sso_group=spec.sso_group,
        budget_usd_per_month=spec.budget_usd_per_month,
        scraped_from=monitoring,
        object_store=_address(object_store.endpoint) if object_store else None,
        credentials=credentials,
    )


def _address(endpoint: str) -> tuple[str, int]:
    """Namespace and port of `http://service.namespace.svc:port`."""
    found = urlsplit(endpoint)
    return str(found.hostname).split(".")[1], found.port or 80


class Platform(pulumi.ComponentResource):
    """Cluster, pools, registry, buckets, features and teams of one environment."""

    environment: Environment
    cluster: Cluster
    pools: Mapping[str, NodePool]
    registry: Registry | None
    """Where the environment's own images lie, on a cloud that has one."""
    buckets: Buckets | None
    """The cloud's own, where `features.object_store` says `bucket`."""
    features: Mapping[str, pulumi.ComponentResource]
    """Those that are on, by their key in `FEATURES`."""
    teams: Mapping[str, Team]

    def __init__(self, environment: Environment, opts: pulumi.ResourceOptions | None = None) -> None:
        super().__init__("cnai:platform:Platform", environment.name, {}, opts)
        self.environment = environment
        self.cluster = self._cluster()
        self.pools = self._pools()
        own = pulumi.ResourceOptions(parent=self)
        self.registry = self.cluster.registry("registry", own)
        self.buckets = self.cluster.buckets("buckets", own) if environment.features.object_store == "bucket" else None
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

    def _features(self) -> Mapping[str, pulumi.ComponentResource]:
        built: dict[str, pulumi.ComponentResource] = {}
        there = [self.pools[SYSTEM_POOL], *self.cluster.ready()]
        for name, feature in FEATURES.items():
            if feature.wanted(self.environment):
                first = [FEATURES[each].until(built[each]) for each in feature.after if each in built]
                args = feature.args(self.environment, self.cluster.traits)
                built[name] = feature.component(name, args, self._on_cluster(*there, *first))
        return built

    def _teams(self) -> Mapping[str, Team]:
        if not self.environment.teams:
            return {}
        tenancy, store = Tenancy("tenancy", self._on_cluster()), self.features.get("object-store")
        opts = self._on_cluster(tenancy)
        # A team's namespace holds its volumes.
        opts.protect = not self.cluster.traits.disposable
        store = store if isinstance(store, ObjectStore) else None
        return {team: self._team(team, store, opts) for team in self.environment.teams}

    def _team(self, team: str, store: ObjectStore | None, opts: pulumi.ResourceOptions) -> Team:
        credentials = self.cluster.traits.credential_endpoints if self.buckets else ()
        made = Team(team, team_args(self.environment, team, store, credentials), opts)
        if self.buckets:
            own = pulumi.ResourceOptions(parent=self, depends_on=[made])
            self.buckets.team_access(team, team, TRAINER_ACCOUNT, own)
        return made

    def _on_cluster(self, *after: pulumi.Resource) -> pulumi.ResourceOptions:
        return pulumi.ResourceOptions(parent=self, providers=[self.cluster.provider], depends_on=list(after))

    def exports(self) -> dict[str, Any]:
        """What the environment's users want to know; no secret is among it."""
        traits = self.cluster.traits
        named = cast("Mapping[str, Any]", self.features)
        found: dict[str, Any] = {
            "cluster": {
                "cloud": self.environment.cloud,
                "kubernetes": traits.kubernetes_version,
                "zones": list(traits.zones),
            },
            "pools": {name: pool_summary(plan) for name, plan in self.environment.pools.items()},
            "namespaces": {name: feature.namespace for name, feature in named.items()},
            "endpoints": self._endpoints(named),
            "teams": {name: team.namespace for name, team in self.teams.items()},
        }
        if self.registry:
            found["registry"] = self.registry.url
        if self.buckets:
            found["buckets"] = dict(self.buckets.names)
        return found

    def _endpoints(self, named: Mapping[str, Any]) -> dict[str, Any]:
        endpoints = {"object-store": named["object-store"].endpoint} if "object-store" in named else {}
        if self.buckets:
            endpoints["object-store"] = self.buckets.endpoint
        if "monitoring" in named:
            stack = catalog()["kube-prometheus-stack"]
            endpoints["grafana"] = f"http://{stack.release_name}-grafana.{stack.namespace}.svc"
        return endpoints


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
