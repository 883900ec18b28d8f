"""JobSet: groups of Jobs that start, fail and restart as one."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

import pulumi

from cnai.catalog import merged
from cnai.catalog.children import child_of
from cnai.catalog.installing import install
from cnai.catalog.placement import checked_replicas, on_system_nodes, replicas_of
from cnai.clouds.traits import ClusterTraits
from cnai.component import PlatformComponent
from cnai.feature import FeatureSettings
from cnai.site import Site
from cnai.tenancy.share import EDIT, Rule, TeamRules


@dataclass(frozen=True, kw_only=True)
class JobSetArgs:
    traits: ClusterTraits
    """What the cluster can do; `Cluster.traits` gives it."""
    replicas: int | None = None
    """Two where it is left out, one on a disposable cluster; one of them leads."""
    values: Mapping[str, Any] = field(default_factory=dict[str, Any])
    """Chart values laid over ours."""

    def __post_init__(self) -> None:
        checked_replicas(self.replicas)


def chart_values(args: JobSetArgs) -> dict[str, Any]:
    replicas = replicas_of(args.traits, args.replicas)
    controller = {
        "replicas": replicas,
        "podDisruptionBudget": {"enabled": replicas > 1},
        **on_system_nodes(args.traits),
    }
    return merged({"controller": controller}, args.values)


class JobSet(PlatformComponent):
    """The JobSet controller with its CRD."""

    def __init__(self, name: str, args: JobSetArgs, opts: pulumi.ResourceOptions | None = None) -> None:
        super().__init__("cnai:kubeflow:JobSet", name, {}, opts)
        release = install("jobset", f"{name}-release", chart_values(args), child_of(self))
        self.namespace = release.namespace.apply(str)
        self.register_outputs({"namespace": self.namespace})

    @classmethod
    def args_for(cls, settings: FeatureSettings, site: Site) -> JobSetArgs:
        return JobSetArgs(traits=site.traits, values=settings.values)

    def rules(self) -> TeamRules:
        return TeamRules(member=(Rule(group="jobset.x-k8s.io", resources=("jobsets",), verbs=EDIT),))
