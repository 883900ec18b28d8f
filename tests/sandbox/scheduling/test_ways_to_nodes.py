"""Nodes that are queued for are requested before a job starts; nodes near to each other take its pods together."""

from dataclasses import dataclass, replace

import pytest
from queue_jobs import QUEUED_TAINT, Jobs, gpu_pod, job_set
from sandbox_waits import eventually

from cnai.clouds.gcp.traits import PROVISIONING_CLASS
from cnai.clouds.machines import plan
from cnai.clouds.nodes import node_manifest
from cnai.clouds.pools import PoolPlan, Route
from cnai.clouds.traits import ClusterTraits
from cnai.kubeflow.queues import PREFERRED_TOPOLOGY
from cnai.scheduling.kueue.component import KueueArgs

pytestmark = pytest.mark.sandbox
BLOCK = "example.com/block"
TRAITS = ClusterTraits(
    kubernetes_version="1.36",
    storage_class="any",
    load_balancer="simulated",
    disposable=True,
    provisioning_class=PROVISIONING_CLASS,
    topology_levels=(BLOCK, "kubernetes.io/hostname"),
)
SYSTEM = PoolPlan(name="system", machine=plan("local", machine="cpu-16"), min=1, max=2)
H100 = PoolPlan(
    name="h100",
    machine=plan("local", machine="h100-8"),
    min=0,
    max=3,
    routes=(Route(kind="reserved"), Route(kind="queued")),
    route_taints=(QUEUED_TAINT,),
)
NEAR = PoolPlan(
    name="near", machine=replace(H100.machine, fabric="roce"), min=4, max=4, placement="compact", zones=("local-a",)
)


@dataclass(frozen=True)
class Share:
    gpus: dict[str, int]
    borrow: bool = False


REQUESTS = ("autoscaling.x-k8s.io/v1", "ProvisioningRequest")


def test_a_job_that_the_reservation_has_no_room_for_waits_until_its_queued_nodes_are_provisioned(queues, kube):
    args = KueueArgs(
        traits=TRAITS,
        environment="queued",
        pools={"system": SYSTEM, "h100": H100},
        teams={"red": Share({"h100": 24})},
        before_queued={"h100": 1},
        queued_taints=(QUEUED_TAINT,),
    )
    queues(args, {"red": 24})
    jobs = Jobs(kube)
    first = jobs.submit(job_set("red", "reserved", pods=1))
    eventually(lambda: jobs.runs(first), "the first job has the reservation")
    (pod,) = jobs.pods(first)
    assert pod["spec"]["nodeSelector"]["cnai.dev/pool"] == "h100"
    assert QUEUED_TAINT.key not in {each.get("key") for each in pod["spec"]["tolerations"]}

    second = jobs.submit(job_set("red", "queued", pods=2))
    asked = list[dict]()
    # Kueue removes the request once the job is over.
    eventually(lambda: asked.extend(kube.list(*REQUESTS, "red")) or asked, "nodes are asked for")
    eventually(lambda: jobs.over(second), "the second job ran on queued nodes")
    request = asked[0]
    assert [each["count"] for each in request["spec"]["podSets"]] == [2]
    for pod in jobs.pods(second):
        assert pod["metadata"]["annotations"]["autoscaling.x-k8s.io/consume-provisioning-request"]
        assert kube.get("v1", "Node", pod["spec"]["nodeName"])["metadata"]["labels"]["cnai.dev/capacity"] == "queued"

    third = jobs.submit(job_set("red", "too-many", pods=3))
    eventually(lambda: "> maximum capacity" in jobs.waits(third), "there are never so many in one way")


def test_pods_of_a_job_come_near_to_each_other(queues, kube, put):
    args = KueueArgs(
        traits=TRAITS,
        environment="near",
        pools={"system": SYSTEM, "near": NEAR},
        teams={"red": Share({"near": 32})},
    )
    for index in range(4):
        node = node_manifest(NEAR, index, region="local")
        node["metadata"]["labels"][BLOCK] = "one" if index < 2 else "two"
        put(node)
    busy = {**gpu_pod(), "nodeName": "near-0"}
    put({"apiVersion": "v1", "kind": "Pod", "metadata": {"name": "busy", "namespace": "default"}, "spec": busy})
    eventually(lambda: kube.get("v1", "Pod", "busy", "default")["status"].get("phase") == "Running", "a node is taken")

    queues(args, {"red": 32})
    jobs = Jobs(kube)
    gang = jobs.submit(job_set("red", "gang", pods=2, annotations={PREFERRED_TOPOLOGY: BLOCK}))
    eventually(lambda: jobs.over(gang), "the gang ran")
    assert {pod["spec"]["nodeName"] for pod in jobs.pods(gang)} == {"near-2", "near-3"}
