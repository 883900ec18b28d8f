"""Cloud-native AI platforms as code: components for programs of one's own, imported when they are first used."""

from importlib import import_module
from typing import TYPE_CHECKING, Any

from cnai._version import __version__

if TYPE_CHECKING:
    from cnai.capacity.gpu_operator.component import GpuOperator, GpuOperatorArgs
    from cnai.capacity.pools import GpuPool, GpuPoolArgs, NodePool, NodePoolArgs
    from cnai.clouds.local.cluster import LocalCluster, LocalClusterArgs
    from cnai.clouds.pools import PoolPlan, Route, Sharing, Taint
    from cnai.clouds.protocol import Cluster
    from cnai.clouds.traits import ClusterTraits
    from cnai.environment import Environment
    from cnai.errors import UserError
    from cnai.kubeflow.jobset.component import JobSet, JobSetArgs
    from cnai.kubeflow.trainer.component import Trainer, TrainerArgs
    from cnai.network.cert_manager.component import CertManager, CertManagerArgs
    from cnai.network.istio.component import Istio, IstioArgs
    from cnai.observability.monitoring.component import Monitoring, MonitoringArgs
    from cnai.platform import Platform
    from cnai.scheduling.kueue.component import Kueue, KueueArgs
    from cnai.storage.minio.component import MinIO, MinIOArgs
    from cnai.storage.seaweedfs.component import SeaweedFS, SeaweedFSArgs
    from cnai.tenancy.share import Opening, TeamRules, TeamShare
    from cnai.tenancy.shared import Tenancy
    from cnai.tenancy.team import Team, TeamArgs

_HOMES = {
    "cnai.capacity.pools": ("GpuPool", "GpuPoolArgs", "NodePool", "NodePoolArgs"),
    "cnai.clouds.local.cluster": ("LocalCluster", "LocalClusterArgs"),
    "cnai.clouds.pools": ("PoolPlan", "Route", "Sharing", "Taint"),
    "cnai.clouds.protocol": ("Cluster",),
    "cnai.clouds.traits": ("ClusterTraits",),
    "cnai.environment": ("Environment",),
    "cnai.errors": ("UserError",),
    "cnai.platform": ("Platform",),
    "cnai.tenancy.share": ("Opening", "TeamRules", "TeamShare"),
    "cnai.tenancy.shared": ("Tenancy",),
    "cnai.tenancy.team": ("Team", "TeamArgs"),
}
"""Names of the house itself; each feature adds its component and that one's args."""
_HOME_OF = {name: home for home, names in _HOMES.items() for name in names}

__all__ = [
    "CertManager",
    "CertManagerArgs",
    "Cluster",
    "ClusterTraits",
    "Environment",
    "GpuOperator",
    "GpuOperatorArgs",
    "GpuPool",
    "GpuPoolArgs",
    "Istio",
    "IstioArgs",
    "JobSet",
    "JobSetArgs",
    "Kueue",
    "KueueArgs",
    "LocalCluster",
    "LocalClusterArgs",
    "MinIO",
    "MinIOArgs",
    "Monitoring",
    "MonitoringArgs",
    "NodePool",
    "NodePoolArgs",
    "Opening",
    "Platform",
    "PoolPlan",
    "Route",
    "SeaweedFS",
    "SeaweedFSArgs",
    "Sharing",
    "Taint",
    "Team",
    "TeamArgs",
    "TeamRules",
    "TeamShare",
    "Tenancy",
    "Trainer",
    "TrainerArgs",
    "UserError",
    "__version__",
]


def __getattr__(name: str) -> Any:
    if home := _HOME_OF.get(name) or _home_in_features(name):
        return getattr(import_module(home), name)
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")


def _home_in_features(name: str) -> str | None:
    if name.startswith("_"):
        return None
    from cnai.features import component_homes

    return component_homes().get(name)


def __dir__() -> list[str]:
    return sorted(__all__)
