"""Prometheus, Alertmanager and Grafana for one cluster, with a dashboard of its GPUs."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from importlib.resources import files
from typing import Any

import pulumi
from pulumi_kubernetes.core.v1 import ConfigMap, Namespace, Secret

from cnai.capabilities import Capability, Metrics
from cnai.catalog import catalog, merged
from cnai.catalog.children import child_of
from cnai.catalog.credentials import credentials, password
from cnai.catalog.installing import declared_namespace, install
from cnai.catalog.placement import checked_replicas, on_system_nodes, replicas_of
from cnai.clouds.traits import ClusterTraits
from cnai.component import PlatformComponent
from cnai.environment import TeamSpec
from cnai.observability.monitoring.feature import MonitoringSettings
from cnai.site import Site
from cnai.tenancy.share import TeamShare

STACK = "kube-prometheus-stack"
GRAFANA_SECRET = "grafana-admin"
GRAFANA_USER = "admin"
_ALERTMANAGER_GIB = 2
_FULL_AT = 0.85
"""Part of the volume that samples may fill; the write-ahead log and compaction want the rest."""


@dataclass(frozen=True, kw_only=True)
class MonitoringArgs:
    traits: ClusterTraits
    """What the cluster can do; `Cluster.traits` gives it."""
    retention_days: int = 15
    """How long Prometheus keeps samples, unless its volume fills up before."""
    storage_gib: int = 50
    """Volume of each Prometheus."""
    replicas: int | None = None
    """Of Prometheus and Alertmanager; two where it is left out, one on a disposable cluster."""
    grafana_admin_password: pulumi.Input[str] | None = None
    """Of the user `admin`; made up once, and kept in the Secret `grafana-admin`, where it is left out."""
    gpu_dashboard: bool | None = None
    """Dashboard of GPUs by node and namespace; there where the cluster has accelerators, unless said otherwise."""
    values: Mapping[str, Any] = field(default_factory=dict[str, Any])
    """Values laid over ours for kube-prometheus-stack."""
    crd_values: Mapping[str, Any] = field(default_factory=dict[str, Any])
    """Values laid over ours for the chart of its CRDs."""

    def __post_init__(self) -> None:
        checked_replicas(self.replicas)
        for unit in ("retention_days", "storage_gib"):
            if getattr(self, unit) < 1:
                raise ValueError(f"{unit}: give at least 1, got {getattr(self, unit)}")


def chart_values(args: MonitoringArgs) -> dict[str, Any]:
    system, replicas = on_system_nodes(args.traits), replicas_of(args.traits, args.replicas)
    budget = {"enabled": replicas > 1}
    prometheus = {
        "replicas": replicas,
        "retention": f"{args.retention_days}d",
        "retentionSize": f"{round(args.storage_gib * 1024 * _FULL_AT)}MiB",
        "storageSpec": _volume(args.traits, args.storage_gib),
    }
    alertmanager = {"replicas": replicas, "storage": _volume(args.traits, _ALERTMANAGER_GIB)}
    computed: dict[str, Any] = {
        "prometheusOperator": {"admissionWebhooks": {"patch": system}, **system},
        "prometheus": {"podDisruptionBudget": budget, "prometheusSpec": {**prometheus, **system}},
        "alertmanager": {"podDisruptionBudget": budget, "alertmanagerSpec": {**alertmanager, **system}},
        "grafana": {"admin": {"existingSecret": GRAFANA_SECRET}, **system},
        "kube-state-metrics": system,
    }
    return merged(computed, args.values)


def _volume(traits: ClusterTraits, gib: int) -> dict[str, Any]:
    spec = {
        "storageClassName": traits.storage_class,
        "accessModes": ["ReadWriteOnce"],
        "resources": {"requests": {"storage": f"{gib}Gi"}},
    }
    return {"volumeClaimTemplate": {"spec": spec}}


def gpu_dashboard_text() -> str:
    """Grafana's JSON, over what the DCGM exporter measures."""
    return files("cnai.observability.monitoring").joinpath("dashboards", "gpus.json").read_text()


class Monitoring(PlatformComponent):
    """kube-prometheus-stack, sized and wired for the cluster it runs on; protected unless that is disposable."""

    grafana_secret: pulumi.Output[str]
    """Secret with Grafana's `admin-user` and `admin-password`."""

    def __init__(self, name: str, args: MonitoringArgs, opts: pulumi.ResourceOptions | None = None) -> None:
        super().__init__("cnai:observability:Monitoring", name, {}, opts)
        protect = not args.traits.disposable
        kept = child_of(self, protect=protect)
        namespace = declared_namespace(STACK, f"{name}-namespace", kept)
        self._crds = install("prometheus-operator-crds", f"{name}-crds", args.crd_values, kept, namespace=namespace)
        secret = self._grafana_secret(name, args, namespace)
        after = child_of(self, self._crds, secret, protect=protect)
        release = install(STACK, f"{name}-release", chart_values(args), after, namespace=namespace)
        if args.traits.accelerators if args.gpu_dashboard is None else args.gpu_dashboard:
            self._gpu_dashboard(name, namespace)
        self.namespace = release.namespace.apply(str)
        self.grafana_secret = secret.metadata.name.apply(str)
        self.register_outputs({"namespace": self.namespace, "grafana_secret": self.grafana_secret})

    def _grafana_secret(self, name: str, args: MonitoringArgs, namespace: Namespace) -> Secret:
        data = {
            "admin-user": pulumi.Output.from_input(GRAFANA_USER),
            "admin-password": password(args.grafana_admin_password),
        }
        made_up = args.grafana_admin_password is None
        return credentials(f"{name}-grafana-admin", GRAFANA_SECRET, namespace, data, child_of(self), made_up=made_up)

    def _gpu_dashboard(self, name: str, namespace: Namespace) -> None:
        """Grafana's sidecar takes up every ConfigMap with this label."""
        labels = {"grafana_dashboard": "1"}
        ConfigMap(
            f"{name}-gpu-dashboard",
            metadata={"name": "gpu-dashboard", "namespace": namespace.metadata.name, "labels": labels},
            data={"gpus.json": gpu_dashboard_text()},
            opts=child_of(self),
        )

    @classmethod
    def args_for(cls, settings: MonitoringSettings, site: Site) -> MonitoringArgs:
        return MonitoringArgs(
            traits=site.traits,
            retention_days=settings.retention_days,
            storage_gib=settings.storage_gib,
            gpu_dashboard=settings.gpu_dashboard if settings.gpu_dashboard is not None else site.environment.has_gpus,
            grafana_admin_password=site.secret("grafana_admin_password"),
            values=settings.values.get(STACK, {}),
            crd_values=settings.values.get("prometheus-operator-crds", {}),
        )

    @property
    def ready(self) -> pulumi.Resource:
        """The CRDs: all that those who bring ServiceMonitors need to wait for."""
        return self._crds

    def gives(self) -> Iterable[Capability]:
        return (Metrics(namespace=catalog()[STACK].namespace),)

    def share(self, team: str, spec: TeamSpec) -> TeamShare:
        return TeamShare(scraped_from=(catalog()[STACK].namespace,))

    def endpoints(self) -> Mapping[str, pulumi.Input[str]]:
        stack = catalog()[STACK]
        return {"grafana": f"http://{stack.release_name}-grafana.{stack.namespace}.svc"}
