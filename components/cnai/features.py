"""Which components a platform has, in dependency order: its table of contents."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any, cast

import pulumi

from cnai.capacity.gpu_operator import GpuOperator, GpuOperatorArgs
from cnai.clouds.traits import ClusterTraits
from cnai.environment import Environment
from cnai.kubeflow.jobset import JobSet, JobSetArgs
from cnai.kubeflow.trainer import Trainer, TrainerArgs
from cnai.network.cert_manager import CertManager, CertManagerArgs
from cnai.network.istio import Istio, IstioArgs
from cnai.observability.monitoring import Monitoring, MonitoringArgs
from cnai.storage.object_store import Kind, ObjectStore, ObjectStoreArgs


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
        wanted=lambda environment: environment.features.object_store not in (None, "bucket"),
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
