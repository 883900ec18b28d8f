"""Prometheus, Alertmanager and Grafana."""

from collections.abc import Iterator
from typing import TYPE_CHECKING, Annotated

from pydantic import Field, StrictBool

from cnai.capabilities import Metrics
from cnai.feature import Feature, FeatureSettings
from cnai.problems import Problem

if TYPE_CHECKING:
    from cnai.environment.stack import StackConfig


class MonitoringSettings(FeatureSettings):
    """kube-prometheus-stack."""

    retention_days: Annotated[int, Field(strict=True, ge=1)] = 15
    """How long Prometheus keeps samples, unless its volume fills up before."""
    storage_gib: Annotated[int, Field(strict=True, ge=1)] = 50
    """Volume of each Prometheus."""
    gpu_dashboard: StrictBool | None = None
    """Grafana dashboard of GPUs; there where there are GPUs unless it is switched off."""


def gpus_are_measured(settings: MonitoringSettings | None, stack: "StackConfig") -> Iterator[Problem]:
    """The dashboard shows what the GPU operator's exporter measures."""
    if settings and settings.gpu_dashboard and "gpu_operator" not in stack.chosen:
        path = (*FEATURE.path, "gpu_dashboard")
        yield Problem(path, "needs gpu_operator, which is off: switch gpu_operator on under cnai:features")


FEATURE = Feature(
    key="monitoring",
    text="Prometheus, Alertmanager and Grafana.",
    component="Monitoring",
    settings=MonitoringSettings,
    packages=("prometheus-operator-crds", "kube-prometheus-stack"),
    gives=(Metrics,),
    secrets=("grafana_admin_password",),
    rules=(gpus_are_measured,),
)
