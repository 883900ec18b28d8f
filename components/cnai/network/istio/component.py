"""Istio: the mesh's control plane, and one gateway through which the outside comes in."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

import pulumi
from pulumi_kubernetes.core.v1 import Namespace

from cnai.catalog import catalog, merged
from cnai.catalog.children import child_of, custom_resource
from cnai.catalog.installing import declared_namespace, install
from cnai.catalog.placement import checked_replicas, on_system_nodes, replicas_of
from cnai.clouds.traits import ClusterTraits
from cnai.component import PlatformComponent
from cnai.feature import FeatureSettings
from cnai.site import Site

_MOST_REPLICAS = 5


@dataclass(frozen=True, kw_only=True)
class IstioArgs:
    traits: ClusterTraits
    """What the cluster can do; `Cluster.traits` gives it."""
    replicas: int | None = None
    """Of istiod and of the gateway; two where it is left out, one on a disposable cluster. From two on, at least."""
    base_values: Mapping[str, Any] = field(default_factory=dict[str, Any])
    """Values laid over ours for the chart `base`, which has the CRDs."""
    istiod_values: Mapping[str, Any] = field(default_factory=dict[str, Any])
    """Values laid over ours for the chart `istiod`."""
    gateway_values: Mapping[str, Any] = field(default_factory=dict[str, Any])
    """Values laid over ours for the chart `gateway`."""

    def __post_init__(self) -> None:
        checked_replicas(self.replicas)


def istiod_values(args: IstioArgs) -> dict[str, Any]:
    replicas = replicas_of(args.traits, args.replicas)
    computed: dict[str, Any] = {
        "autoscaleEnabled": replicas > 1,
        "autoscaleMin": replicas,
        "autoscaleMax": max(replicas, _MOST_REPLICAS),
        "replicaCount": replicas,
        # A budget over a single replica would keep its node from ever being drained.
        "global": {"tag": catalog()["istiod"].version, "defaultPodDisruptionBudget": {"enabled": replicas > 1}},
        **on_system_nodes(args.traits),
    }
    return merged(computed, args.istiod_values)


def gateway_values(args: IstioArgs) -> dict[str, Any]:
    replicas = replicas_of(args.traits, args.replicas)
    computed: dict[str, Any] = {
        "replicaCount": replicas,
        "autoscaling": {
            "enabled": replicas > 1,
            "minReplicas": replicas,
            "maxReplicas": max(replicas, _MOST_REPLICAS),
        },
        # Whoever gives addresses (simulated, MetalLB, a cloud), it is to a Service of this type that they give one.
        "service": {"type": "LoadBalancer"},
        **on_system_nodes(args.traits),
    }
    if replicas > 1:
        computed["podDisruptionBudget"] = {"minAvailable": 1}
    return merged(computed, args.gateway_values)


class Istio(PlatformComponent):
    """CRDs, control plane and ingress gateway, in this order; inside the mesh mutual TLS and nothing else."""

    gateway_namespace: pulumi.Output[str]

    def __init__(self, name: str, args: IstioArgs, opts: pulumi.ResourceOptions | None = None) -> None:
        super().__init__("cnai:network:Istio", name, {}, opts)
        system = declared_namespace("istiod", f"{name}-namespace", child_of(self))
        base = install("istio-base", f"{name}-base", args.base_values, child_of(self), namespace=system)
        istiod = install("istiod", f"{name}-istiod", istiod_values(args), child_of(self, base), namespace=system)
        self._mutual_tls(f"{name}-mutual-tls", system, istiod)
        # istiod's webhook fills in the gateway's image, so it comes last.
        gateway = install("istio-gateway", f"{name}-gateway", gateway_values(args), child_of(self, istiod))
        self.namespace, self.gateway_namespace = istiod.namespace.apply(str), gateway.namespace.apply(str)
        self.register_outputs({"namespace": self.namespace, "gateway_namespace": self.gateway_namespace})

    def _mutual_tls(self, name: str, system: Namespace, istiod: pulumi.Resource) -> None:
        """In the control plane's namespace, and by this name, it holds for the whole mesh.

        https://istio.io/latest/docs/reference/config/security/peer_authentication/
        """
        manifest = {
            "apiVersion": "security.istio.io/v1",
            "kind": "PeerAuthentication",
            "metadata": {"name": "default", "namespace": system.metadata.name},
            "spec": {"mtls": {"mode": "STRICT"}},
        }
        custom_resource(name, manifest, child_of(self, istiod))

    @classmethod
    def args_for(cls, settings: FeatureSettings, site: Site) -> IstioArgs:
        values = settings.values
        return IstioArgs(
            traits=site.traits,
            base_values=values.get("istio-base", {}),
            istiod_values=values.get("istiod", {}),
            gateway_values=values.get("istio-gateway", {}),
        )
