"""The real Kueue, Trainer and JobSet on the shared control plane, and an environment's queues in it."""

from collections.abc import Callable, Iterator

import pytest
import yaml
from sandbox_waits import eventually

from cnai.environment import Environment
from cnai.kube import Kube
from cnai.kubeflow.trainer.component import torch_runtime
from cnai.sandbox.controllers import wait_ready
from cnai.sandbox.controllers.specs import specs
from cnai.scheduling.kueue.component import KueueArgs, cluster_queues, shared_objects
from cnai.scheduling.kueue.objects import local_queue
from cnai.tenancy.team import TeamArgs, team_manifests

CONTROLLERS = ("jobset", "trainer", "kueue")
CRD = "apiextensions.k8s.io/v1"


@pytest.fixture(scope="package")
def controllers(control_plane, kube, tools) -> Iterator[None]:
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


@pytest.fixture(scope="package")
def runtime(controllers, kube) -> Iterator[None]:
    made = torch_runtime("registry.invalid/torch")
    kube.apply(made, field_manager="test")
    yield
    kube.delete(made["apiVersion"], made["kind"], made["metadata"]["name"])


Queues = Callable[[Environment, KueueArgs], None]


@pytest.fixture
def queues(controllers, kube: Kube) -> Iterator[Queues]:
    """Declares an environment's teams with their queues; takes it all away as finalizers ask for."""
    done: list[dict] = []

    def declare(environment: Environment, args: KueueArgs) -> None:
        common = [*shared_objects(args).values(), *cluster_queues(args).values()]
        for each in common:
            kube.apply(each, field_manager="test")
        teams = [
            each
            for team in environment.teams
            for each in (
                *team_manifests(team, TeamArgs(gpu_quota=environment.gpu_quota(team))).values(),
                local_queue(team),
            )
        ]
        for each in teams:
            kube.apply(each, field_manager="test")
        done.extend([*common, *teams])
        for team in environment.teams:
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
