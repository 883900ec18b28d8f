"""Two teams that ask for more than there is are served by quota, borrowing and preemption, by the real Kueue."""

import pytest
from queue_jobs import Jobs, gpu_pod, job_set
from sandbox_waits import eventually

from cnai.clouds.nodes import node_manifest
from cnai.clouds.traits import ClusterTraits
from cnai.environment import Environment
from cnai.kubeflow.trainer.trainjob import TrainingExample, train_job
from cnai.scheduling.kueue.component import KueueArgs

pytestmark = pytest.mark.sandbox
TRAITS = ClusterTraits(kubernetes_version="1.36", storage_class="any", load_balancer="simulated", disposable=True)
TWO_NODES = Environment.load(
    "queues",
    {
        "cnai:cloud": {"local": {}},
        "cnai:pools": {
            "system": {"machine": "cpu-16", "min": 1, "max": 2},
            "h100": {"accelerator": "H100", "count_per_node": 8, "min": 0, "max": 2},
        },
        "cnai:features": {"kubeflow": ["trainer"], "kueue": True},
        "cnai:teams": {"red": {"gpus": {"h100": 8}, "borrow": True}, "blue": {"gpus": {"h100": 8}}},
    },
)
ARGS = KueueArgs(traits=TRAITS, environment="queues", pools=TWO_NODES.pools, teams=TWO_NODES.teams)


def training(team: str, name: str, nodes: int = 1) -> dict:
    example = TrainingExample(name=name, pool="h100", nodes=nodes, command=("true",))
    return train_job(example, team, TWO_NODES, "default")


@pytest.fixture
def jobs(queues, runtime, kube):
    queues(ARGS, {team: TWO_NODES.gpu_quota(team)["nvidia.com/gpu"] for team in TWO_NODES.teams})
    return Jobs(kube)


def test_two_teams_that_ask_for_too_much_are_served_by_quota_borrowing_and_preemption(jobs, kube, put):
    # No node is there yet: quota alone says who may start, and what started holds its GPUs.
    first, second = jobs.submit(training("red", "first")), jobs.submit(training("red", "second"))
    eventually(lambda: jobs.runs(first) and jobs.runs(second), "red runs on its own GPUs and on those that blue leaves")

    third = jobs.submit(training("red", "third"))
    eventually(
        lambda: "insufficient unused quota for nvidia.com/gpu in flavor h100" in jobs.waits(third), "red's third"
    )
    assert jobs.pods(third) == []

    own = jobs.submit(job_set("blue", "own", pods=1))
    eventually(lambda: jobs.runs(own), "blue gets its own GPUs back")
    eventually(lambda: [jobs.runs(first), jobs.runs(second)].count(True) == 1, "one of red's jobs made room")
    (displaced,) = [name for name in (first, second) if not jobs.runs(name)]
    eventually(lambda: "within the cohort" in jobs.waits(displaced), "it says to whom")

    gang = jobs.submit(job_set("blue", "gang", pods=2))
    eventually(lambda: "request (16) > maximum capacity (8)" in jobs.waits(gang), "blue may not borrow")
    assert jobs.pods(gang) == [], "a gang starts whole or not at all"

    for index in range(2):
        put(node_manifest(TWO_NODES.pools["h100"], index, region="local"))
    for name in (first, second, third, own):
        eventually(lambda name=name: jobs.over(name), f"{name} has its turn")
    assert jobs.pods(gang) == []


def test_a_plain_pod_is_held_until_the_queue_lets_it_go(jobs, kube):
    def pod(name: str) -> dict:
        return {
            "apiVersion": "v1",
            "kind": "Pod",
            "metadata": {"name": name, "namespace": "blue"},
            "spec": gpu_pod(4),
        }

    def gates(name: str) -> list[dict]:
        return kube.get("v1", "Pod", name, "blue")["spec"].get("schedulingGates", [])

    made = kube.create(pod("one"), field_manager="test")
    assert {"name": "kueue.x-k8s.io/admission"} in made["spec"]["schedulingGates"]
    eventually(lambda: gates("one") == [], "the first pod fits the share")
    assert kube.get("v1", "Pod", "one", "blue")["spec"]["nodeSelector"] == {"cnai.dev/pool": "h100"}
    kube.create(pod("two"), field_manager="test")
    eventually(lambda: gates("two") == [], "so does the second")
    other = jobs.submit(job_set("blue", "late", pods=1))
    eventually(lambda: "insufficient unused quota" in jobs.waits(other), "pods count against the share like any job")


def test_a_job_without_gpus_goes_to_cpu_nodes_and_takes_nothing_of_the_share(jobs, kube):
    container = {"name": "main", "image": "registry.invalid/nothing", "resources": {"requests": {"cpu": "1"}}}
    spec = {"template": {"spec": {"containers": [container], "restartPolicy": "Never"}}}
    job = {"apiVersion": "batch/v1", "kind": "Job", "metadata": {"name": "prepare", "namespace": "blue"}, "spec": spec}
    jobs.submit(job)
    eventually(lambda: jobs.now("prepare")["spec"].get("suspend") is False, "it is admitted")
    assert jobs.now("prepare")["spec"]["template"]["spec"]["nodeSelector"] == {"cnai.dev/pool": "system"}


def test_other_namespaces_never_hear_of_it(jobs, kube):
    pod = {"apiVersion": "v1", "kind": "Pod", "metadata": {"name": "free", "namespace": "default"}, "spec": gpu_pod()}
    made = kube.create(pod, field_manager="test", dry_run=True)
    assert "schedulingGates" not in made["spec"]
