import os
import signal
import sys

import pytest
import yaml
from sandbox_waits import eventually

from cnai.kube import ApiError
from cnai.sandbox.controllers import wait_ready
from cnai.sandbox.controllers.specs import specs
from cnai.sandbox.controlplane import processes

pytestmark = pytest.mark.sandbox
CRD = "apiextensions.k8s.io/v1"
TRAINER = "trainer.kubeflow.org/v1alpha1"
WEBHOOKS = ("admissionregistration.k8s.io/v1", "ValidatingWebhookConfiguration")
GPU_TAINT = {"key": "nvidia.com/gpu", "value": "present", "effect": "NoSchedule"}
CONTROLLERS = ("jobset", "trainer")
RUNTIME = {
    "apiVersion": TRAINER,
    "kind": "ClusterTrainingRuntime",
    "metadata": {"name": "torch-distributed", "labels": {"trainer.kubeflow.org/framework": "torch"}},
}


@pytest.fixture(scope="module")
def crds(kube, tools):
    """Trainer's and JobSet's CRDs, as their modules carry them; gone after the last test here."""
    names: list[str] = []
    for spec in (each for each in specs() if each.name in CONTROLLERS):
        for file in (tools[spec.tool].parent / "share/crds").glob("*.yaml"):
            crd = yaml.safe_load(file.read_text())
            kube.apply(crd, field_manager="test")
            names.append(crd["metadata"]["name"])
    yield names
    for name in names:
        kube.delete(CRD, "CustomResourceDefinition", name)


@pytest.fixture(scope="module")
def controllers(control_plane, crds):
    return {name: wait_ready(control_plane.dir, name, 60) for name in CONTROLLERS}


def pod_template() -> dict:
    container = {"name": "node", "image": "pytorch"}
    tolerations = [{"key": "nvidia.com/gpu", "operator": "Exists", "effect": "NoSchedule"}]
    return {"spec": {"containers": [container], "tolerations": tolerations}}


def runtime() -> dict:
    job = {
        "name": "node",
        "template": {
            "metadata": {"labels": {"trainer.kubeflow.org/trainjob-ancestor-step": "trainer"}},
            "spec": {"template": pod_template()},
        },
    }
    spec = {"mlPolicy": {"numNodes": 1, "torch": {}}, "template": {"spec": {"replicatedJobs": [job]}}}
    return {**RUNTIME, "spec": spec}


def train_job(name: str, runtime_name: str = "torch-distributed") -> dict:
    gpus = {"nvidia.com/gpu": "4"}
    trainer = {"numNodes": 2, "resourcesPerNode": {"requests": gpus, "limits": gpus}}
    return {
        "apiVersion": TRAINER,
        "kind": "TrainJob",
        "metadata": {"name": name, "namespace": "default"},
        "spec": {"runtimeRef": {"name": runtime_name}, "trainer": trainer},
    }


def node(name: str, gpus: int) -> dict:
    capacity = {"cpu": "64", "memory": "512Gi", "pods": "110"} | ({"nvidia.com/gpu": str(gpus)} if gpus else {})
    return {
        "apiVersion": "v1",
        "kind": "Node",
        "metadata": {"name": name, "annotations": {"kwok.x-k8s.io/node": "fake"}},
        "spec": {"taints": [GPU_TAINT] if gpus else []},
        "status": {"capacity": capacity, "allocatable": capacity},
    }


def pods(kube, job: str) -> list[dict]:
    return kube.list("v1", "Pod", "default", f"jobset.sigs.k8s.io/jobset-name={job}")


def test_they_start_by_themselves_with_their_own_crds(controllers):
    for state in controllers.values():
        assert state.version.startswith("v")
        assert state.crd_version == state.version


def test_what_the_real_webhook_refuses_is_refused_in_its_own_words(controllers, kube):
    with pytest.raises(ApiError, match="no-such-runtime"):
        kube.create(train_job("refused", "no-such-runtime"))


def test_a_training_job_waits_for_gpus_and_runs_once_they_join(controllers, kube, put):
    put(node("system", gpus=0))
    eventually(lambda: kube.get("v1", "Node", "system")["status"].get("phase") == "Running", "the system node is there")
    put(runtime())
    put(train_job("chatbot"))

    def verdicts():
        found = [c for pod in pods(kube, "chatbot") for c in pod["status"].get("conditions", [])]
        return [c["message"] for c in found if c.get("reason") == "Unschedulable"]

    # Before the node is Ready, it is its taint that keeps the pods away.
    eventually(
        lambda: any("Insufficient nvidia.com/gpu" in verdict for verdict in verdicts()), "the pods wait for GPUs"
    )

    put(node("gpu-0", gpus=8))

    def completed():
        conditions = kube.get(TRAINER, "TrainJob", "chatbot", "default").get("status", {}).get("conditions", [])
        return any(c["type"] == "Complete" and c["status"] == "True" for c in conditions)

    eventually(completed, "the job is complete")
    assert [pod["spec"]["nodeName"] for pod in pods(kube, "chatbot")] == ["gpu-0", "gpu-0"]


def test_a_killed_controller_is_started_again(controllers, control_plane):
    before = wait_ready(control_plane.dir, "jobset", 60)
    os.kill(before.pid, signal.SIGKILL)
    eventually(lambda: wait_ready(control_plane.dir, "jobset", 60).pid != before.pid, "another one is ready")


@pytest.mark.skipif(sys.platform != "linux", reason="the kernel ends the children of a killed daemon on Linux only")
def test_a_killed_daemon_leaves_no_controller_behind_and_the_next_start_brings_them_back(controllers, control_plane):
    pids = {process.name: process.pid for process in control_plane.status().processes}
    os.kill(pids["attendants"], signal.SIGKILL)
    orphans = {pids[name] for name in CONTROLLERS}
    eventually(lambda: not orphans & {process.pid for process in processes.running()}, "the controllers are gone")
    control_plane.start(print)
    assert {wait_ready(control_plane.dir, name, 60).pid for name in CONTROLLERS}.isdisjoint(orphans)


def test_without_its_crds_a_controller_goes_and_takes_its_webhooks_along(controllers, control_plane, crds, kube):
    for name in crds:
        kube.delete(CRD, "CustomResourceDefinition", name)
    eventually(
        lambda: not set(CONTROLLERS) & {process.name for process in control_plane.status().processes},
        "no controller runs",
    )
    eventually(lambda: not kube.list(*WEBHOOKS, label_selector="cnai.dev/sandbox=true"), "their webhooks are gone")
