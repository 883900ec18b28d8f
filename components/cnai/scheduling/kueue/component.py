"""Kueue: jobs wait in their team's queue until all of their pods fit its share, and share what is left idle."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import pulumi

from cnai.capabilities import Capability, Metrics, Queues
from cnai.catalog import merged
from cnai.catalog.children import child_of
from cnai.catalog.installing import install
from cnai.catalog.placement import checked_replicas, on_system_nodes, replicas_of
from cnai.clouds.pools import PoolPlan, Taint
from cnai.clouds.settings import TaintsRoutes
from cnai.clouds.traits import ClusterTraits
from cnai.component import PlatformComponent
from cnai.environment import TeamSpec
from cnai.scheduling.kueue import objects
from cnai.scheduling.kueue.feature import KueueSettings
from cnai.scheduling.kueue.flavors import Flavor, flavors
from cnai.scheduling.kueue.quotas import Share, shares
from cnai.site import Site
from cnai.tenancy.objects import declare
from cnai.tenancy.share import Rule, TeamRules, TeamShare

PACKAGE = "kueue"


@dataclass(frozen=True, kw_only=True)
class KueueArgs:
    traits: ClusterTraits
    """What the cluster can do; `Cluster.traits` gives it."""
    environment: str
    """Name of the cohort that all queues are in."""
    pools: Mapping[str, PoolPlan] = field(default_factory=dict[str, PoolPlan])
    teams: Mapping[str, Share] = field(default_factory=dict[str, Share])
    before_queued: Mapping[str, int] = field(default_factory=dict[str, int])
    """Pool -> nodes that its other routes give before jobs wait for queued ones."""
    queued_taints: tuple[Taint, ...] = ()
    """What the cloud puts on nodes of `queued` routes."""
    metrics: str | None = None
    """Namespace of a Prometheus that scrapes it."""
    replicas: int | None = None
    """Two where it is left out, one on a disposable cluster; one of them leads."""
    values: Mapping[str, Any] = field(default_factory=dict[str, Any])
    """Chart values laid over ours."""

    def __post_init__(self) -> None:
        checked_replicas(self.replicas)

    @property
    def flavors(self) -> tuple[Flavor, ...]:
        return flavors(
            self.pools,
            before_queued=self.before_queued,
            requests=bool(self.traits.provisioning_class),
            queued_taints=self.queued_taints,
            measured=bool(self.traits.topology_levels),
        )


def chart_values(args: KueueArgs) -> dict[str, Any]:
    replicas = replicas_of(args.traits, args.replicas)
    manager = {
        "replicas": replicas,
        "podDisruptionBudget": {"enabled": replicas > 1},
        **on_system_nodes(args.traits),
    }
    scraping: dict[str, Any] = {"enablePrometheus": args.metrics is not None}
    if args.metrics:
        scraping["metrics"] = {"prometheusNamespace": args.metrics}
    return merged({"controllerManager": manager, **scraping}, args.values)


def shared_objects(args: KueueArgs) -> dict[str, objects.Object]:
    """By role of the resource's name: flavors, the cohort, and what they refer to."""
    every, traits = args.flavors, args.traits
    given = shares(every, args.teams)
    return objects.shared(args.environment, every, given, traits.topology_levels, traits.provisioning_class)


def cluster_queues(args: KueueArgs) -> dict[str, objects.Object]:
    """One for each team, by role of the resource's name."""
    every = args.flavors
    given = shares(every, args.teams)
    return {
        f"queue-{team}": objects.cluster_queue(team, args.environment, every, given[team], borrow=spec.borrow)
        for team, spec in args.teams.items()
    }


class Kueue(PlatformComponent):
    """The controller with its CRDs, flavors for all pools, and a ClusterQueue for each team.

    What has a finalizer of Kueue's goes before the controller does: queues, then flavors, then the release.
    """

    def __init__(self, name: str, args: KueueArgs, opts: pulumi.ResourceOptions | None = None) -> None:
        super().__init__("cnai:scheduling:Kueue", name, {}, opts)
        self._args = args
        release = install(PACKAGE, f"{name}-release", chart_values(args), child_of(self))
        common = self._declared(name, shared_objects(args), [release])
        self._declared(name, cluster_queues(args), common)
        self.namespace = release.namespace.apply(str)
        self.register_outputs({"namespace": self.namespace})

    def _declared(
        self, name: str, manifests: Mapping[str, objects.Object], after: Sequence[pulumi.Resource]
    ) -> list[pulumi.Resource]:
        return [declare(f"{name}-{role}", each, child_of(self, *after)) for role, each in manifests.items()]

    @classmethod
    def args_for(cls, settings: KueueSettings, site: Site) -> KueueArgs:
        cloud, metrics = site.environment.cloud_settings, site.capability(Metrics)
        return KueueArgs(
            traits=site.traits,
            environment=site.environment.name,
            pools=site.pools,
            teams=site.teams,
            before_queued=settings.before_queued,
            queued_taints=cloud.route_taints("queued") if isinstance(cloud, TaintsRoutes) else (),
            metrics=metrics.namespace if metrics else None,
            values=settings.values,
        )

    def gives(self) -> Iterable[Capability]:
        borrowing = frozenset(team for team, spec in self._args.teams.items() if spec.borrow)
        return (Queues(default=objects.LOCAL_QUEUE, borrowing=borrowing),)

    def share(self, team: str, spec: TeamSpec) -> TeamShare:
        return TeamShare(objects={"queue": objects.local_queue(team)})

    def rules(self) -> TeamRules:
        """Members see their own jobs wait, and what they may ask for."""
        return TeamRules(
            member=(Rule(group=objects.GROUP, resources=("localqueues", "workloads")),),
            viewer=(Rule(group=objects.GROUP, resources=("resourceflavors", "topologies", "workloadpriorityclasses")),),
        )
