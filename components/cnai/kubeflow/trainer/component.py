"""Kubeflow Trainer: TrainJobs, and the runtimes that they are written against."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

import pulumi

from cnai.catalog import catalog, merged
from cnai.catalog.children import child_of, custom_resource
from cnai.catalog.installing import install
from cnai.catalog.placement import checked_replicas, on_system_nodes, replicas_of
from cnai.clouds.traits import ClusterTraits
from cnai.component import PlatformComponent
from cnai.feature import FeatureSettings
from cnai.site import Site
from cnai.tenancy.share import EDIT, Rule, TeamRules

PACKAGE = "kubeflow-trainer"
TORCH = "torch-distributed"
_API = "trainer.kubeflow.org/v1alpha1"
_NODE = "node"
_USER = 1000


@dataclass(frozen=True, kw_only=True)
class TrainerArgs:
    traits: ClusterTraits
    """What the cluster can do; `Cluster.traits` gives it."""
    replicas: int | None = None
    """Two where it is left out, one on a disposable cluster; one of them leads."""
    values: Mapping[str, Any] = field(default_factory=dict[str, Any])
    """Chart values laid over ours."""

    def __post_init__(self) -> None:
        checked_replicas(self.replicas)


def chart_values(args: TrainerArgs) -> dict[str, Any]:
    manager = {"replicas": replicas_of(args.traits, args.replicas), **on_system_nodes(args.traits)}
    return merged({"manager": manager}, args.values)


def torch_runtime(image: str, labels: Mapping[str, str] | None = None) -> dict[str, Any]:
    """ClusterTrainingRuntime for torchrun, admitted by namespaces that enforce the `restricted` standard.

    Its label, and the names `node` and `trainer`, are what Trainer looks for:
    https://www.kubeflow.org/docs/components/trainer/operator-guides/runtime/
    """
    pod: dict[str, Any] = {"spec": torch_pod(image)}
    if labels:
        pod["metadata"] = {"labels": dict(labels)}
    job = {
        "metadata": {"labels": {"trainer.kubeflow.org/trainjob-ancestor-step": "trainer"}},
        "spec": {"template": pod},
    }
    return {
        "apiVersion": _API,
        "kind": "ClusterTrainingRuntime",
        "metadata": {"name": TORCH, "labels": {"trainer.kubeflow.org/framework": "torch"}},
        "spec": {
            "mlPolicy": {"numNodes": 1, "torch": {}},
            "template": {"spec": {"replicatedJobs": [{"name": _NODE, "template": job}]}},
        },
    }


def torch_pod(image: str) -> dict[str, Any]:
    """Runs as nobody in particular, who has no home in most images; NCCL and data loaders share memory in /dev/shm."""
    container = {
        "name": _NODE,
        "image": image,
        "env": [{"name": "HOME", "value": "/tmp"}, {"name": "USER", "value": "trainer"}],
        "securityContext": {"allowPrivilegeEscalation": False, "capabilities": {"drop": ["ALL"]}},
        "volumeMounts": [{"name": "shared-memory", "mountPath": "/dev/shm"}],
    }
    return {
        "automountServiceAccountToken": False,
        "securityContext": {
            "runAsNonRoot": True,
            "runAsUser": _USER,
            "runAsGroup": _USER,
            "fsGroup": _USER,
            "seccompProfile": {"type": "RuntimeDefault"},
        },
        "volumes": [{"name": "shared-memory", "emptyDir": {"medium": "Memory"}}],
        "containers": [container],
    }


class Trainer(PlatformComponent):
    """The Trainer's controller and CRDs, and the runtime `torch-distributed`. Needs JobSet."""

    runtime: pulumi.Output[str]
    """Name of the ClusterTrainingRuntime for PyTorch."""

    def __init__(self, name: str, args: TrainerArgs, opts: pulumi.ResourceOptions | None = None) -> None:
        super().__init__("cnai:kubeflow:Trainer", name, {}, opts)
        release = install(PACKAGE, f"{name}-release", chart_values(args), child_of(self))
        runtime = torch_runtime(catalog()[PACKAGE].runtimes[TORCH], args.traits.credential_labels)
        torch = custom_resource(f"{name}-torch-distributed", runtime, child_of(self, release))
        self.namespace = release.namespace.apply(str)
        self.runtime = torch.id.apply(lambda _: TORCH)
        self.register_outputs({"namespace": self.namespace, "runtime": self.runtime})

    @classmethod
    def args_for(cls, settings: FeatureSettings, site: Site) -> TrainerArgs:
        return TrainerArgs(traits=site.traits, values=settings.values)

    def rules(self) -> TeamRules:
        group = _API.partition("/")[0]
        return TeamRules(
            member=(Rule(group=group, resources=("trainjobs", "trainingruntimes"), verbs=EDIT),),
            viewer=(Rule(group=group, resources=("clustertrainingruntimes",)),),
        )
