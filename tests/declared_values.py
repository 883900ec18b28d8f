"""Every package's chart values, as our components compute them from any traits and arguments."""

from collections.abc import Callable, Mapping
from typing import Any

from hypothesis import strategies as st

from cnai.capacity.gpu_operator import component as gpu_operator
from cnai.catalog import catalog, merged
from cnai.clouds.aws import fabric
from cnai.clouds.aws.karpenter import AwsKarpenterArgs
from cnai.clouds.aws.karpenter import chart_values as karpenter_values
from cnai.clouds.machines import machines
from cnai.clouds.onprem import ceph, metallb
from cnai.clouds.pools import PoolPlan
from cnai.clouds.traits import ClusterTraits
from cnai.kubeflow.jobset import component as jobset
from cnai.kubeflow.trainer import component as trainer
from cnai.network.cert_manager import component as cert_manager
from cnai.network.istio import component as istio
from cnai.observability.monitoring import component as monitoring
from cnai.scheduling.kueue import component as kueue
from cnai.storage.minio.component import MinIO, MinIOArgs
from cnai.storage.object_store import ObjectStore, ObjectStoreArgs
from cnai.storage.seaweedfs.component import SeaweedFS, SeaweedFSArgs

OWNERS = st.sampled_from(["operator", "image", "cloud"])
TOLERATIONS = st.sampled_from(
    [(), ({"key": "CriticalAddonsOnly", "operator": "Exists"},), ({"key": "spot", "effect": "NoSchedule"},)]
)
traits = st.builds(
    ClusterTraits,
    kubernetes_version=st.just("1.36"),
    storage_class=st.sampled_from(["cnai-sandbox", "gp3"]),
    load_balancer=st.sampled_from(["simulated", "metallb", "cloud"]),
    gpu_driver_owner=OWNERS,
    gpu_toolkit_owner=OWNERS,
    gpu_device_plugin_owner=OWNERS,
    gpu_driver_directory=st.sampled_from(["", "/home/kubernetes/bin/nvidia"]),
    gpu_runtime_class=st.sampled_from(["nvidia", "nvidia-container-runtime"]),
    accelerators=st.booleans(),
    zones=st.sampled_from([(), ("a", "b")]),
    disposable=st.booleans(),
    system_selector=st.sampled_from([{}, {"cnai.dev/pool": "system"}]),
    system_tolerations=TOLERATIONS,
)
replicas = st.none() | st.integers(1, 7)
Draw = Callable[[st.DrawFn], Mapping[str, Any]]


def _gpu_operator(draw: st.DrawFn) -> Mapping[str, Any]:
    allocation = draw(st.sampled_from(["device-plugin", "dra"]))
    slices = draw(st.lists(st.integers(2, 64), max_size=3)) if allocation == "device-plugin" else ()
    args = gpu_operator.GpuOperatorArgs(
        traits=draw(traits),
        monitoring=draw(st.booleans()),
        tolerations=draw(TOLERATIONS),
        time_slices=tuple(slices),
        mig_strategy=draw(st.sampled_from(["none", "single", "mixed"])),
        allocation=allocation,
    )
    return gpu_operator.chart_values(args)


def _object_store(store: type[ObjectStore], kind: type[ObjectStoreArgs]) -> Draw:
    def values(draw: st.DrawFn) -> Mapping[str, Any]:
        args = kind(
            traits=draw(traits),
            servers=draw(st.sampled_from([None, 1, 4, 8])),
            storage_gib=draw(st.integers(1, 10_000)),
            buckets=tuple(draw(st.sampled_from([(), ("models",), ("models", "data")]))),
            monitoring=draw(st.booleans()),
        )
        return store.values(args)

    return values


def _monitoring(draw: st.DrawFn) -> Mapping[str, Any]:
    size = {"retention_days": draw(st.integers(1, 900)), "storage_gib": draw(st.integers(1, 9000))}
    args = monitoring.MonitoringArgs(traits=draw(traits), replicas=draw(replicas), **size)
    return monitoring.chart_values(args)


def _cert_manager(draw: st.DrawFn) -> Mapping[str, Any]:
    args = cert_manager.CertManagerArgs(traits=draw(traits), monitoring=draw(st.booleans()), replicas=draw(replicas))
    return cert_manager.chart_values(args)


def _istio(values: Callable[[istio.IstioArgs], Mapping[str, Any]]) -> Draw:
    return lambda draw: values(istio.IstioArgs(traits=draw(traits), replicas=draw(replicas)))


def _jobset(draw: st.DrawFn) -> Mapping[str, Any]:
    return jobset.chart_values(jobset.JobSetArgs(traits=draw(traits), replicas=draw(replicas)))


def _trainer(draw: st.DrawFn) -> Mapping[str, Any]:
    return trainer.chart_values(trainer.TrainerArgs(traits=draw(traits), replicas=draw(replicas)))


def _kueue(draw: st.DrawFn) -> Mapping[str, Any]:
    metrics = draw(st.sampled_from([None, "monitoring"]))
    args = kueue.KueueArgs(traits=draw(traits), environment="prod", metrics=metrics, replicas=draw(replicas))
    return kueue.chart_values(args)


def _karpenter(draw: st.DrawFn) -> Mapping[str, Any]:
    args = AwsKarpenterArgs(
        traits=draw(traits), cluster="prod", cluster_arn="arn", region="us-east-1", static=draw(st.booleans())
    )
    return karpenter_values(args, "queue")


def _ceph(values: Callable[[ceph.CephArgs], Mapping[str, Any]]) -> Draw:
    def drawn(draw: st.DrawFn) -> Mapping[str, Any]:
        args = ceph.CephArgs(
            traits=draw(traits),
            selector=draw(st.sampled_from([{}, {"site/pool": "storage"}])),
            devices=draw(st.sampled_from([None, "^nvme[1-9]"])),
            replicas=draw(st.integers(2, 5)),
            tolerations=draw(TOLERATIONS),
        )
        return values(args)

    return drawn


def _metallb(draw: st.DrawFn) -> Mapping[str, Any]:
    return metallb.chart_values(metallb.MetalLBArgs(traits=draw(traits), addresses=("192.0.2.0/28",)))


def _efa(draw: st.DrawFn) -> Mapping[str, Any]:
    names = draw(st.sampled_from([("p5.48xlarge",), ("trn2.48xlarge",), ("p5.48xlarge", "trn2.48xlarge")]))
    return fabric.plugin_values([PoolPlan(name=name, machine=machines("aws")[name], min=0, max=4) for name in names])


COMPUTED: Mapping[str, Draw] = {
    "gpu-operator": _gpu_operator,
    "cert-manager": _cert_manager,
    "istio-base": lambda _: {},
    "istiod": _istio(istio.istiod_values),
    "istio-gateway": _istio(istio.gateway_values),
    "minio": _object_store(MinIO, MinIOArgs),
    "seaweedfs": _object_store(SeaweedFS, SeaweedFSArgs),
    "prometheus-operator-crds": lambda _: {},
    "kube-prometheus-stack": _monitoring,
    "jobset": _jobset,
    "kubeflow-trainer": _trainer,
    "kueue": _kueue,
    "karpenter": _karpenter,
    "metallb": _metallb,
    "rook-ceph": _ceph(ceph.operator_values),
    "ceph-csi-drivers": _ceph(ceph.driver_values),
    "rook-ceph-cluster": _ceph(ceph.cluster_values),
    "aws-efa-k8s-device-plugin": _efa,
}


@st.composite
def values_of(draw: st.DrawFn, package: str) -> dict[str, Any]:
    """What the Release of a package gets: base and computed."""
    return merged(catalog()[package].base_values, COMPUTED[package](draw))
