"""The whole platform of one environment, in dependency order: where the rooms meet."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any, cast
from urllib.parse import urlsplit

import pulumi

from cnai.capacity.gpu_operator import GpuOperator, GpuOperatorArgs
from cnai.capacity.pools import GpuPool, GpuPoolArgs, NodePool, args_of
from cnai.catalog import catalog
from cnai.clouds.build import build_cluster
from cnai.clouds.pools import SYSTEM_POOL, PoolPlan
from cnai.clouds.protocol import Cluster
from cnai.clouds.traits import ClusterTraits
from cnai.environment import Environment
from cnai.kubeflow.jobset import JobSet, JobSetArgs
from cnai.kubeflow.trainer import Trainer, TrainerArgs
from cnai.network.cert_manager import CertManager, CertManagerArgs
from cnai.network.istio import Istio, IstioArgs
from cnai.observability.monitoring import Monitoring, MonitoringArgs
from cnai.storage.object_store import Kind, ObjectStore, ObjectStoreArgs
from cnai.tenancy.shared import Tenancy
from cnai.tenancy.team import Team, TeamArgs


@dataclass(frozen=True, kw_only=True)
class Feature:
    """One row of the platform's table of contents."""

    component: Callable[[str, Any, pulumi.ResourceOptions], pulumi.ComponentResource]
    args: Callable[[Environment, ClusterTraits], Any]
    wanted: Callable[[Environment], bool]
    after: tuple[str, ...] = ()
    """Features that must be there first, where they are wanted at all."""
    until: Callable[[Any], pulumi.Resource] = lambda component: component
    """The part of it that others wait for."""


def monitoring_args(environment: Environment, traits: ClusterTraits) -> MonitoringArgs:
    return MonitoringArgs(
        traits=traits,
        gpu_dashboard=environment.has_gpu_dashboard,
        grafana_admin_password=_secret(environment, "grafana_admin_password"),
    )


def cert_manager_args(environment: Environment, traits: ClusterTraits) -> CertManagerArgs:
    return CertManagerArgs(traits=traits, monitoring=environment.features.monitoring)


def gpu_operator_args(environment: Environment, traits: ClusterTraits) -> GpuOperatorArgs:
    pools = [pool for pool in environment.pools.values() if pool.gpus_per_node]
    slices = {pool.sharing.time_slices for pool in pools} - {1}
    tolerations = {str(toleration): toleration for pool in pools for toleration in pool.tolerations}
    return GpuOperatorArgs(
        traits=traits,
        monitoring=environment.features.monitoring,
        time_slices=tuple(sorted(slices)),
        tolerations=tuple(tolerations.values()),
    )


def object_store_args(environment: Environment, traits: ClusterTraits) -> ObjectStoreArgs:
    return ObjectStoreArgs(
        traits=traits,
        kind=cast(Kind, environment.features.object_store),
        monitoring=environment.features.monitoring,
        root_password=_secret(environment, "object_store_root_password"),
    )


def _secret(environment: Environment, name: str) -> pulumi.Output[str] | None:
    given = environment.secret(name)
    return None if given is None else pulumi.Output.secret(given)


FEATURES: Mapping[str, Feature] = {
    # First, since others bring ServiceMonitors.
    "monitoring": Feature(
        component=Monitoring,
        args=monitoring_args,
        wanted=lambda environment: environment.features.monitoring,
        until=lambda monitoring: monitoring.crds,
    ),
    "cert-manager": Feature(
        component=CertManager,
        args=cert_manager_args,
        wanted=lambda environment: environment.features.cert_manager,
        after=("monitoring",),
    ),
    "gpu-operator": Feature(
        component=GpuOperator,
        args=gpu_operator_args,
        wanted=lambda environment: environment.features.gpu_operator,
        after=("monitoring",),
    ),
    "istio": Feature(
        component=Istio,
        args=lambda _, traits: IstioArgs(traits=traits),
        wanted=lambda environment: environment.features.mesh == "istio",
    ),
    "object-store": Feature(
        component=ObjectStore,
        args=object_store_args,
        wanted=lambda environment: environment.features.object_store is not None,
        after=("monitoring",),
    ),
    "jobset": Feature(
        component=JobSet,
        args=lambda _, traits: JobSetArgs(traits=traits),
        wanted=lambda environment: environment.has_jobset,
    ),
    "trainer": Feature(
        component=Trainer,
        args=lambda _, traits: TrainerArgs(traits=traits),
        wanted=lambda environment: "trainer" in environment.features.kubeflow,
        after=("jobset",),
    ),
}


def team_args(environment: Environment, team: str, object_store: ObjectStore | None) -> TeamArgs:
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
    )


def _address(endpoint: str) -> tuple[str, int]:
    """Namespace and port of `http://service.namespace.svc:port`."""
    found = urlsplit(endpoint)
    return str(found.hostname).split(".")[1], found.port or 80


class Platform(pulumi.ComponentResource):
    """Cluster, pools, features and teams of one environment."""

    environment: Environment
    cluster: Cluster
    pools: Mapping[str, NodePool]
    features: Mapping[str, pulumi.ComponentResource]
    """Those that are on, by their key in `FEATURES`."""
    teams: Mapping[str, Team]

    def __init__(self, environment: Environment, opts: pulumi.ResourceOptions | None = None) -> None:
        super().__init__("cnai:platform:Platform", environment.name, {}, opts)
        self.environment = environment
        self.cluster = self._cluster()
        self.pools = {name: self._pool(name, plan) for name, plan in environment.pools.items()}
        self.features = self._features()
        self.teams = self._teams()
        self.register_outputs({})

    def _cluster(self) -> Cluster:
        return build_cluster(
            self.environment.cloud,
            "cluster",
            environment=self.environment.name,
            settings=self.environment.cloud_settings,
            accelerators=self.environment.has_gpus,
            opts=pulumi.ResourceOptions(parent=self),
        )

    def _pool(self, name: str, plan: PoolPlan) -> NodePool:
        args, opts = args_of(self.cluster, plan), pulumi.ResourceOptions(parent=self)
        return GpuPool(name, args, opts) if isinstance(args, GpuPoolArgs) else NodePool(name, args, opts)

    def _features(self) -> Mapping[str, pulumi.ComponentResource]:
        built: dict[str, pulumi.ComponentResource] = {}
        for name, feature in FEATURES.items():
            if feature.wanted(self.environment):
                first = [FEATURES[each].until(built[each]) for each in feature.after if each in built]
                args = feature.args(self.environment, self.cluster.traits)
                built[name] = feature.component(name, args, self._on_cluster(self.pools[SYSTEM_POOL], *first))
        return built

    def _teams(self) -> Mapping[str, Team]:
        if not self.environment.teams:
            return {}
        tenancy, store = Tenancy("tenancy", self._on_cluster()), self.features.get("object-store")
        opts = self._on_cluster(tenancy)
        # A team's namespace holds its volumes.
        opts.protect = not self.cluster.traits.disposable
        store = store if isinstance(store, ObjectStore) else None
        return {team: Team(team, team_args(self.environment, team, store), opts) for team in self.environment.teams}

    def _on_cluster(self, *after: pulumi.Resource) -> pulumi.ResourceOptions:
        return pulumi.ResourceOptions(parent=self, providers=[self.cluster.provider], depends_on=list(after))

    def exports(self) -> dict[str, Any]:
        """What the environment's users want to know; no secret is among it."""
        traits = self.cluster.traits
        named = cast("Mapping[str, Any]", self.features)
        endpoints = {"object-store": named["object-store"].endpoint} if "object-store" in named else {}
        if "monitoring" in named:
            stack = catalog()["kube-prometheus-stack"]
            endpoints["grafana"] = f"http://{stack.release_name}-grafana.{stack.namespace}.svc"
        return {
            "cluster": {
                "cloud": self.environment.cloud,
                "kubernetes": traits.kubernetes_version,
                "zones": list(traits.zones),
            },
            "pools": {name: pool_summary(plan) for name, plan in self.environment.pools.items()},
            "namespaces": {name: feature.namespace for name, feature in named.items()},
            "endpoints": endpoints,
            "teams": {name: team.namespace for name, team in self.teams.items()},
        }


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
