"""cert-manager: certificates for whoever asks, renewed before they run out."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

import pulumi

from cnai.capabilities import Metrics
from cnai.catalog import merged
from cnai.catalog.children import child_of
from cnai.catalog.installing import install
from cnai.catalog.placement import checked_replicas, on_system_nodes, replicas_of
from cnai.clouds.traits import ClusterTraits
from cnai.component import PlatformComponent
from cnai.feature import FeatureSettings
from cnai.site import Site

_PARTS = ("webhook", "cainjector")
"""Deployments next to the controller, whose values have their own key."""


@dataclass(frozen=True, kw_only=True)
class CertManagerArgs:
    traits: ClusterTraits
    """What the cluster can do; `Cluster.traits` gives it."""
    monitoring: bool = False
    """Whether ServiceMonitors are read here."""
    replicas: int | None = None
    """Of each part; two where it is left out, one on a disposable cluster."""
    values: Mapping[str, Any] = field(default_factory=dict[str, Any])
    """Chart values laid over ours."""

    def __post_init__(self) -> None:
        checked_replicas(self.replicas)


def chart_values(args: CertManagerArgs) -> dict[str, Any]:
    replicas, system = replicas_of(args.traits, args.replicas), on_system_nodes(args.traits)
    part: dict[str, Any] = {"replicaCount": replicas, "podDisruptionBudget": {"enabled": replicas > 1}, **system}
    computed: dict[str, Any] = {
        **part,
        **dict.fromkeys(_PARTS, part),
        "startupapicheck": system,
        "prometheus": {"servicemonitor": {"enabled": args.monitoring}},
    }
    return merged(computed, args.values)


class CertManager(PlatformComponent):
    """cert-manager with its CRDs."""

    def __init__(self, name: str, args: CertManagerArgs, opts: pulumi.ResourceOptions | None = None) -> None:
        super().__init__("cnai:network:CertManager", name, {}, opts)
        release = install("cert-manager", f"{name}-release", chart_values(args), child_of(self))
        self.namespace = release.namespace.apply(str)
        self.register_outputs({"namespace": self.namespace})

    @classmethod
    def args_for(cls, settings: FeatureSettings, site: Site) -> CertManagerArgs:
        return CertManagerArgs(traits=site.traits, monitoring=site.has(Metrics), values=settings.values)
