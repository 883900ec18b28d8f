"""The real Kueue, Trainer and JobSet on the shared control plane, and an environment's queues in it."""

from collections.abc import Callable, Iterator, Mapping

import pytest
import yaml
from queue_jobs import QUEUED_TAINT
from sandbox_waits import eventually

from cnai.clouds.pools import CAPACITY_LABEL, GPU_TAINT, POOL_LABEL
from cnai.kube import Kube
from cnai.kubeflow.trainer.component import torch_runtime
from cnai.sandbox.cloud import groups
from cnai.sandbox.controllers import wait_ready
from cnai.sandbox.controllers.specs import specs
from cnai.scheduling.kueue.component import KueueArgs, cluster_queues, shared_objects
from cnai.scheduling.kueue.objects import local_queue
from cnai.tenancy.team import TeamArgs, team_manifests

CONTROLLERS = ("jobset", "trainer", "kueue")
CRD = "apiextensions.k8s.io/v1"
QUEUED_GROUP = groups.Group(
    name="h100-queued",
    cloud="local",
    kind="test",
    pool="h100",
    machine="h100-8",
    min=0,
    max=2,
    desired=0,
    autoscaled=True,
    capacity="queued",
    zones=["local-a"],
    region="local",
    labels={POOL_LABEL: "h100", CAPACITY_LABEL: "queued"},
    taints=[GPU_TAINT, QUEUED_TAINT],
    kubernetes="1.36",
)


@pytest.fixture(scope="module")
def queued_group(control_plane, kube) -> Iterator[None]:
    """A node group whose nodes are queued for: it brings the kind of request that Kueue looks for at its start."""
    record = groups.manifest(QUEUED_GROUP)
    kube.apply(record, field_manager="test")
    crd = "provisioningrequests.autoscaling.x-k8s.io"
    eventually(lambda: kube.get(CRD, "CustomResourceDefinition", crd), "the cluster takes ProvisioningRequests")
    yield
    kube.delete("v1", "ConfigMap", record["metadata"]["name"], record["metadata"]["namespace"])
    # The next module's Kueue would take the one that is going for one that stays.
    eventually(lambda: kube.get(CRD, "CustomResourceDefinition", crd) is None, "the requests' kind is gone")


@pytest.fixture(scope="module")
def controllers(control_plane, kube, tools, queued_group) -> Iterator[None]:
    """Ready, with the CRDs that their modules carry."""
    names: list[str] = []
    for spec in specs():
        if spec.name in CONTROLLERS:
            for file in (tools[spec.tool].parent / "share/crds").glob("*.yaml"):
                crd = yaml.safe_load(file.read_text())
                kube.apply(crd, field_manager="test")
                names.append(crd["metadata"]["name"])
    for name in CONTROLLERS:
        wait_ready(control_plane.dir, name, 60)
    yield
    for name in names:
        kube.delete(CRD, "CustomResourceDefinition", name)
    for name in names:
        eventually(lambda name=name: kube.get(CRD, "CustomResourceDefinition", name) is None, f"{name} gone")


@pytest.fixture(scope="module")
def runtime(controllers, kube) -> Iterator[None]:
    made = torch_runtime("registry.invalid/torch")
    kube.apply(made, field_manager="test")
    yield
    kube.delete(made["apiVersion"], made["kind"], made["metadata"]["name"])


Queues = Callable[[KueueArgs, Mapping[str, int]], None]
"""Of args, and the GPUs that each team's ResourceQuota allows."""


@pytest.fixture
def queues(controllers, kube: Kube) -> Iterator[Queues]:
    """Declares an environment's teams with their queues; takes it all away as finalizers ask for."""
    done: list[dict] = []

    def declare(args: KueueArgs, gpus: Mapping[str, int]) -> None:
        common = [*shared_objects(args).values(), *cluster_queues(args).values()]
        for each in common:
            kube.apply(each, field_manager="test")
        teams = [
            each
            for team, most in gpus.items()
            for each in (
                *team_manifests(team, TeamArgs(gpu_quota={"nvidia.com/gpu": most})).values(),
                local_queue(team),
            )
        ]
        for each in teams:
            kube.apply(each, field_manager="test")
        done.extend([*common, *teams])
        for team in gpus:
            eventually(lambda team=team: active(kube, team), f"the queue of {team} is active")
            eventually(lambda team=team: kube.get("v1", "ServiceAccount", "default", team), "the default account")
            eventually(
                lambda team=team: all(each.get("status") for each in kube.list("v1", "ResourceQuota", team)), "quotas"
            )

    yield declare
    for each in reversed(done):
        metadata = each["metadata"]
        kube.delete(each["apiVersion"], each["kind"], metadata["name"], metadata.get("namespace"))
    for each in reversed(done):
        metadata = each["metadata"]
        eventually(
            lambda each=each, metadata=metadata: (
                kube.get(each["apiVersion"], each["kind"], metadata["name"], metadata.get("namespace")) is None
            ),
            f"{each['kind']} {metadata['name']} is gone",
        )


def active(kube: Kube, team: str) -> bool:
    for kind, name, namespace in (("ClusterQueue", team, None), ("LocalQueue", "default", team)):
        found = kube.get("kueue.x-k8s.io/v1beta2", kind, name, namespace)
        conditions = (found or {}).get("status", {}).get("conditions", [])
        if not any(each["type"] == "Active" and each["status"] == "True" for each in conditions):
            return False
    return True
