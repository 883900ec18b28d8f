"""Node groups on the real API server: nodes come, grow for pods that wait, are replaced and go."""

import json

import pytest
from group_samples import TOLERATION, pod_object, record
from sandbox_waits import eventually

from cnai.sandbox.controllers.groups import records

pytestmark = pytest.mark.sandbox
READY, WAITING = "cnai.dev/nodes-ready", "cnai.dev/nodes-waiting"
BUDGET = ("policy/v1", "PodDisruptionBudget")
GUARDED = {"name": "guarded", "namespace": "default"}


def nodes(kube, group: str) -> list[dict]:
    return kube.list("v1", "Node", label_selector=f"cnai.dev/simulated-group={group}")


def annotation(kube, group: str, key: str = READY) -> str:
    found = kube.get("v1", "ConfigMap", f"node-group-{group}", "kube-system")
    return (found["metadata"].get("annotations") or {}).get(key, "")


def ready(kube, group: str, count: int) -> None:
    """As the plugin waits: for so many that are as declared, and none that is not."""

    def look():
        found = kube.get("v1", "ConfigMap", f"node-group-{group}", "kube-system")
        wanted = f"{count}@{records.group(found).generation}"
        return (found["metadata"].get("annotations") or {}).get(READY) == wanted

    eventually(look, f"{group} has {count} nodes ready")


@pytest.fixture
def groups(kube, put):
    """Declares groups; all their nodes are gone after the test."""
    declared: list[str] = []

    def declare(name: str, **facts) -> None:
        put(record(name, **facts))
        declared.append(name)

    yield declare
    for name in declared:
        kube.delete("v1", "ConfigMap", f"node-group-{name}", "kube-system")
    for name in declared:
        eventually(lambda name=name: nodes(kube, name) == [], f"the nodes of {name} are gone")


def job(name: str, gpus: int, pods: int, pool: str) -> dict:
    limits = {"nvidia.com/gpu": str(gpus)}
    spec = {
        "restartPolicy": "Never",
        "nodeSelector": {"cnai.dev/pool": pool},
        "tolerations": [TOLERATION],
        "containers": [{"name": "c", "image": "x", "resources": {"limits": limits}}],
    }
    return {
        "apiVersion": "batch/v1",
        "kind": "Job",
        "metadata": {"name": name, "namespace": "default"},
        "spec": {"parallelism": pods, "completions": pods, "template": {"spec": spec}},
    }


def lone_pod(name: str, pool: str) -> dict:
    found = pod_object(name, nodeSelector={"cnai.dev/pool": pool})
    return {**found, "metadata": {"name": name, "namespace": "default"}, "status": {}}


def test_a_fixed_group_has_its_nodes_with_all_that_such_machines_have(kube, groups):
    groups("fixed", autoscaled=False, desired=3, min=3, labels={"cnai.dev/pool": "h100", "tier": "gold"})
    ready(kube, "fixed", 3)
    found = nodes(kube, "fixed")
    assert sorted(node["metadata"]["name"] for node in found) == ["fixed-0", "fixed-1", "fixed-2"]
    assert {node["metadata"]["labels"]["topology.kubernetes.io/zone"] for node in found} == {"local-a", "local-b"}
    labels = found[0]["metadata"]["labels"]
    assert (labels["tier"], labels["nvidia.com/gpu.product"]) == ("gold", "NVIDIA-H100-80GB-HBM3")
    assert found[0]["status"]["allocatable"]["nvidia.com/gpu"] == "8"
    assert found[0]["status"]["nodeInfo"]["kubeletVersion"] == "v1.36"

    groups("fixed", autoscaled=False, desired=1, min=1, labels={"cnai.dev/pool": "h100", "tier": "silver"})
    eventually(lambda: len(nodes(kube, "fixed")) == 1, "two nodes went")
    (left,) = nodes(kube, "fixed")
    assert left["metadata"]["name"] == "fixed-0"
    eventually(lambda: nodes(kube, "fixed")[0]["metadata"]["labels"]["tier"] == "silver", "the label changed in place")


def test_a_sharing_label_on_a_group_changes_what_its_nodes_publish(kube, groups):
    facts = {"autoscaled": False, "desired": 1, "min": 1}
    groups("shared", **facts)
    ready(kube, "shared", 1)
    groups("shared", **facts, labels={"cnai.dev/pool": "h100", "nvidia.com/mig.config": "all-1g.10gb"})

    def gpus():
        return nodes(kube, "shared")[0]["status"]["allocatable"]["nvidia.com/gpu"] == "56"

    eventually(gpus, "each GPU counts seven times")
    assert nodes(kube, "shared")[0]["metadata"]["labels"]["nvidia.com/gpu.product"].endswith("-MIG-1g.10gb")


def test_groups_grow_for_waiting_pods_by_route_and_shrink_again(kube, put, groups):
    groups("reserved", weight=0, max=1, labels={"cnai.dev/pool": "routes"})
    groups("spot", weight=1, max=1, capacity="spot", labels={"cnai.dev/pool": "routes"})
    for name in ("reserved", "spot"):
        ready(kube, name, 0)
    put(job("two", 8, 2, "routes"))
    eventually(lambda: len(nodes(kube, "reserved")) == len(nodes(kube, "spot")) == 1, "both routes are used", 10)
    eventually(lambda: kube.get("batch/v1", "Job", "two", "default")["status"].get("succeeded") == 2, "the job ends")
    said = [e["message"] for e in kube.list("v1", "Event", "default") if e["reason"] == "TriggeredScaleUp"]
    assert any("{reserved 0->1 (max: 1)}" in message for message in said)
    assert all("simulated" in message for message in said)
    eventually(lambda: not nodes(kube, "reserved") and not nodes(kube, "spot"), "idle nodes are gone", 60)


def test_an_injected_lack_of_capacity_sends_pods_to_the_next_route_and_is_said(kube, put, groups, control_plane):
    faults = control_plane.dir.root / "faults.yaml"
    faults.write_text(json.dumps([{"no_capacity": {"machine": "h100-8", "capacity": "reserved"}}]))
    try:
        groups("gone", weight=0, capacity="reserved", labels={"cnai.dev/pool": "faulty"})
        put(lone_pod("lonely", "faulty"))

        def told():
            found = [e for e in kube.list("v1", "Event", "default") if e["involvedObject"]["name"] == "lonely"]
            return any("1 in backoff after failed scale-up" in e["message"] for e in found)

        eventually(told, "the pod is told")
        assert nodes(kube, "gone") == []
        assert "no capacity for reserved h100-8" in annotation(kube, "gone", WAITING)
        groups("there", weight=1, capacity="on-demand", labels={"cnai.dev/pool": "faulty"})
        eventually(lambda: len(nodes(kube, "there")) == 1, "the next route is used")
    finally:
        faults.unlink()


def test_new_images_replace_nodes_one_by_one_and_disruption_budgets_hold(kube, put, groups):
    facts = {"autoscaled": False, "desired": 2, "min": 2, "labels": {"cnai.dev/pool": "rolling"}}
    groups("rolling", **facts)
    ready(kube, "rolling", 2)
    labels = {"app": "guarded"}
    pod = pod_object("x", gpus=8)["spec"] | {"nodeSelector": {"cnai.dev/pool": "rolling"}}
    template = {"metadata": {"labels": labels}, "spec": pod}
    spec = {"replicas": 1, "selector": {"matchLabels": labels}, "template": template}
    put({"apiVersion": "apps/v1", "kind": "Deployment", "metadata": GUARDED, "spec": spec})
    eventually(
        lambda: kube.get("apps/v1", "Deployment", "guarded", "default")["status"].get("readyReplicas") == 1, "it runs"
    )
    budget = {"minAvailable": 1, "selector": {"matchLabels": labels}}
    put({"apiVersion": BUDGET[0], "kind": BUDGET[1], "metadata": GUARDED, "spec": budget})
    eventually(
        lambda: kube.get(*BUDGET, "guarded", "default").get("status", {}).get("currentHealthy"), "the budget counts it"
    )
    groups("rolling", **facts, image="two")
    eventually(lambda: "waits for 1 pods" in annotation(kube, "rolling", WAITING), "the budget holds it up")
    assert len(nodes(kube, "rolling")) <= 3
    kube.patch(*BUDGET, "guarded", {"spec": {"minAvailable": 0}}, "default")
    ready(kube, "rolling", 2)
    found = nodes(kube, "rolling")
    assert len(found) == 2
    assert len({node["metadata"]["annotations"]["cnai.dev/launched-with"] for node in found}) == 1


def test_a_record_that_cannot_be_read_says_so(kube, groups):
    groups("odd", machine="h100-9")
    eventually(
        lambda: "its record cannot be read: KeyError('h100-9')" in annotation(kube, "odd", WAITING), "it is said"
    )


def test_nodes_that_the_api_server_refuses_hold_up_their_own_group_only(kube, groups):
    groups("bad", autoscaled=False, desired=1, min=1, labels={"cnai.dev/pool": "no blanks allowed"})
    eventually(lambda: "its nodes are refused: " in annotation(kube, "bad", WAITING), "it is said")
    groups("good", autoscaled=False, desired=1, min=1)
    ready(kube, "good", 1)
