"""The real Karpenter on our machine types: it decides, and nodes with devices come and go."""

import json
from pathlib import Path

import pytest
import yaml
from sandbox_waits import eventually

from cnai.charts.tokens import Kind
from cnai.plugin.host import Host
from cnai.readiness import awaited
from cnai.sandbox.controllers import wait_ready
from cnai.sandbox.provider import resources
from cnai.sandbox.provider.awaits.unattended import noted
from cnai.sandbox.provider.cluster import Cluster
from cnai.sandbox.provider.settings import Settings

pytestmark = pytest.mark.sandbox
CRD = "apiextensions.k8s.io/v1"
KARPENTER = "karpenter.sh/v1"
AWS = "karpenter.k8s.aws"
TAINT = {"key": "nvidia.com/gpu", "value": "present", "effect": "NoSchedule"}
NODE_CLASS_CRD = {
    "apiVersion": CRD,
    "kind": "CustomResourceDefinition",
    "metadata": {"name": f"ec2nodeclasses.{AWS}"},
    "spec": {
        "group": AWS,
        "scope": "Cluster",
        "names": {"kind": "EC2NodeClass", "plural": "ec2nodeclasses", "singular": "ec2nodeclass"},
        "versions": [
            {
                "name": "v1",
                "served": True,
                "storage": True,
                "subresources": {"status": {}},
                "schema": {"openAPIV3Schema": {"type": "object", "x-kubernetes-preserve-unknown-fields": True}},
            }
        ],
    },
}


@pytest.fixture(scope="module")
def karpenter(kube, control_plane, tools):
    """Its CRDs as its module carries them; EC2NodeClass, which is not in there, without a schema."""
    files = sorted((tools["karpenter"].parent / "share/crds").glob("*.yaml"))
    crds = [*(yaml.safe_load(file.read_text()) for file in files), NODE_CLASS_CRD]
    for crd in crds:
        kube.apply(crd, field_manager="test")
    yield wait_ready(control_plane.dir, "karpenter", 60)
    for crd in crds:
        kube.delete(CRD, "CustomResourceDefinition", crd["metadata"]["name"])
    for crd in crds:
        name = crd["metadata"]["name"]
        eventually(lambda name=name: kube.get(CRD, "CustomResourceDefinition", name) is None, f"{name} is gone")


@pytest.fixture
def pools(kube, karpenter, control_plane):
    """Declares NodePools; they, their nodes and the files about the market are gone after the test."""
    declared: list[str] = []

    def declare(name: str, capacity: str, *, pool: str, weight: int, gpus: int, **more) -> None:
        labels = {"cnai.dev/pool": pool, **more.get("labels", {})}
        kube.apply(node_class(name, more.get("reservation"), more.get("ami", "al2023@v1")), field_manager="test")
        kube.apply(node_pool(name, capacity, labels, weight, gpus), field_manager="test")
        declared.append(name)

    yield declare
    for name in declared:
        kube.delete(KARPENTER, "NodePool", name)
    eventually(lambda: not kube.list(KARPENTER, "NodeClaim"), "all claims are gone")
    eventually(lambda: not kube.list("v1", "Node", label_selector="karpenter.sh/nodepool"), "all nodes are gone")
    for name in declared:
        kube.delete(f"{AWS}/v1", "EC2NodeClass", name)
    for file in ("faults.yaml", "reservations.yaml"):
        (control_plane.dir.root / file).unlink(missing_ok=True)


def node_class(name: str, reservation: str | None, ami: str) -> dict:
    spec = {"amiSelectorTerms": [{"alias": ami}], "role": "node"}
    if reservation:
        spec["capacityReservationSelectorTerms"] = [{"id": reservation}]
    return {"apiVersion": f"{AWS}/v1", "kind": "EC2NodeClass", "metadata": {"name": name}, "spec": spec}


def node_pool(name: str, capacity: str, labels: dict, weight: int, gpus: int) -> dict:
    wanted = {
        "node.kubernetes.io/instance-type": ["p5.48xlarge"],
        "karpenter.sh/capacity-type": [capacity],
        "topology.kubernetes.io/zone": ["us-east-1a", "us-east-1b"],
    }
    template = {
        "nodeClassRef": {"group": AWS, "kind": "EC2NodeClass", "name": name},
        "taints": [TAINT],
        "requirements": [{"key": key, "operator": "In", "values": values} for key, values in wanted.items()],
    }
    spec = {
        "weight": weight,
        "limits": {"nvidia.com/gpu": str(gpus)},
        "disruption": {"consolidationPolicy": "WhenEmpty", "consolidateAfter": "1s"},
        "template": {"metadata": {"labels": labels}, "spec": template},
    }
    return {"apiVersion": KARPENTER, "kind": "NodePool", "metadata": {"name": name}, "spec": spec}


def job(name: str, pods: int, pool: str) -> dict:
    """Of whole nodes; it runs until it is deleted."""
    limits = {"nvidia.com/gpu": "8"}
    pod = {
        "nodeSelector": {"cnai.dev/pool": pool},
        "tolerations": [{"key": "nvidia.com/gpu", "operator": "Exists"}],
        "containers": [{"name": "c", "image": "x", "resources": {"limits": limits}}],
    }
    labels = {"app": name}
    template = {"metadata": {"labels": labels}, "spec": pod}
    spec = {"replicas": pods, "selector": {"matchLabels": labels}, "template": template}
    return {
        "apiVersion": "apps/v1",
        "kind": "Deployment",
        "metadata": {"name": name, "namespace": "default"},
        "spec": spec,
    }


def running(kube, name: str) -> list[dict]:
    return [p for p in kube.list("v1", "Pod", "default", f"app={name}") if p["status"].get("phase") == "Running"]


def nodes(kube, pool: str) -> list[dict]:
    return kube.list("v1", "Node", label_selector=f"karpenter.sh/nodepool={pool}")


def market(control_plane, file: str, rows: list) -> None:
    Path(control_plane.dir.root / file).write_text(json.dumps(rows))


def test_karpenter_is_small_and_says_its_version(karpenter):
    assert karpenter.version == karpenter.crd_version == "v1.15.0"
    pages = int(Path(f"/proc/{karpenter.pid}/statm").read_text().split()[1])
    assert pages * 4096 < 120e6


def test_reserved_capacity_is_taken_until_it_runs_out_and_idle_nodes_go(kube, put, pools, control_plane):
    market(
        control_plane,
        "reservations.yaml",
        [{"id": "cr-1", "machine": "p5.48xlarge", "zone": "us-east-1b", "count": 1}],
    )
    pools("first", "reserved", pool="order", weight=100, gpus=800, reservation="cr-1")
    pools("second", "on-demand", pool="order", weight=90, gpus=800)
    put(job("train", 2, "order"))
    eventually(lambda: len(running(kube, "train")) == 2, "both pods run", 40)
    (reserved,), (bought,) = nodes(kube, "first"), nodes(kube, "second")
    labels = reserved["metadata"]["labels"]
    assert labels[f"{AWS}/capacity-reservation-id"] == "cr-1"
    assert (labels["topology.kubernetes.io/zone"], labels["karpenter.sh/capacity-type"]) == ("us-east-1b", "reserved")
    assert bought["spec"]["providerID"].startswith("aws:///us-east-1")
    assert (labels["nvidia.com/gpu.product"], labels[f"{AWS}/instance-gpu-name"]) == ("NVIDIA-H100-80GB-HBM3", "h100")
    assert reserved["status"]["allocatable"]["vpc.amazonaws.com/efa"] == "32"
    kube.delete("apps/v1", "Deployment", "train", "default")
    eventually(lambda: not nodes(kube, "first") and not nodes(kube, "second"), "idle nodes are gone", 120)


def test_a_pools_limit_is_refused_in_karpenters_own_words(kube, put, pools):
    pools("small", "on-demand", pool="small", weight=10, gpus=8)
    put(job("large", 2, "small"))
    eventually(lambda: len(running(kube, "large")) == 1, "one pod runs", 20)

    def refused():
        said = [e["message"] for e in kube.list("v1", "Event", "default") if e["reason"] == "FailedScheduling"]
        return any("would exceed limits" in m or "exceed node limits" in m or "exceed limit" in m for m in said)

    eventually(refused, "the limit is named", 30)
    assert len(nodes(kube, "small")) == 1


def test_where_capacity_lacks_the_next_pool_by_weight_is_used(kube, put, pools, control_plane):
    market(control_plane, "faults.yaml", [{"no_capacity": {"machine": "p5.*", "capacity": "on-demand"}}])
    pools("bought", "on-demand", pool="faulty", weight=100, gpus=800)
    pools("cheap", "spot", pool="faulty", weight=90, gpus=800)
    put(job("hungry", 1, "faulty"))
    eventually(lambda: running(kube, "hungry"), "the pod runs on the other pool", 30)
    assert (len(nodes(kube, "bought")), len(nodes(kube, "cheap"))) == (0, 1)
    said = [e["message"] for e in kube.list("v1", "Event") if e["reason"] == "InsufficientCapacityError"]
    assert any("no capacity (a fault of the sandbox) for on-demand p5.48xlarge in us-east-1a" in m for m in said)


def test_shared_gpus_are_published_as_the_pools_label_asks(kube, put, pools):
    labels = {"nvidia.com/device-plugin.config": "time-slices-4"}
    pools("shared", "on-demand", pool="shared", weight=10, gpus=800, labels=labels)
    put(job("sharing", 1, "shared"))
    eventually(lambda: running(kube, "sharing"), "the pod runs", 20)
    (node,) = nodes(kube, "shared")
    assert node["status"]["allocatable"]["nvidia.com/gpu"] == "32"
    assert node["metadata"]["labels"]["nvidia.com/gpu.product"] == "NVIDIA-H100-80GB-HBM3-SHARED"


def test_a_new_image_replaces_the_nodes(kube, put, pools):
    facts = {"capacity": "on-demand", "pool": "drifting", "weight": 10, "gpus": 800}
    pools("drifting", **facts)
    put(job("steady", 1, "drifting"))
    eventually(lambda: running(kube, "steady"), "the pod runs", 20)
    (before,) = nodes(kube, "drifting")
    pools("drifting", **facts, ami="al2023@v2")

    def replaced():
        names = {node["metadata"]["name"] for node in nodes(kube, "drifting")}
        return names and before["metadata"]["name"] not in names and running(kube, "steady")

    eventually(replaced, "the node is another", 90)


def test_a_pool_with_replicas_keeps_so_many_nodes(kube, pools):
    pools("kept", "on-demand", pool="kept", weight=10, gpus=800)
    static = node_pool("kept", "on-demand", {"cnai.dev/pool": "kept"}, 10, 800)
    kube.delete(KARPENTER, "NodePool", "kept")
    eventually(lambda: kube.get(KARPENTER, "NodePool", "kept") is None, "the dynamic one is gone")
    static["spec"] = {"replicas": 2, "template": static["spec"]["template"], "disruption": static["spec"]["disruption"]}
    kube.apply(static, field_manager="test")
    eventually(lambda: len(nodes(kube, "kept")) == 2, "both nodes are there", 20)


def test_a_pool_that_is_declared_is_waited_for_until_karpenter_has_taken_it(karpenter, control_plane):
    environ = {"CNAI_SANDBOX_DIR": str(control_plane.dir.root)}
    cluster = Cluster(Settings.of({"kubeconfig": str(control_plane.kubeconfig)}, environ), Host(None))
    made = []
    for obj in (node_class("awaited", None, "al2023@v1"), node_pool("awaited", "on-demand", {}, 1, 8)):
        kind = Kind(obj["apiVersion"], obj["kind"])
        # In the foreground it would wait for the garbage collector to hear of the new kind.
        obj["metadata"]["annotations"] = {"pulumi.com/deletionPropagationPolicy": "background"}
        made.append((kind, resources.create(cluster, f"urn:{kind.kind}", kind, awaited(obj), False, 60)[1]))
    for kind, outputs in reversed(made):
        conditions = {entry["type"]: entry["status"] for entry in outputs["status"]["conditions"]}
        assert conditions["Ready"] == "True", f"{kind.kind} was done before it was ready"
        resources.delete(cluster, f"urn:{kind.kind}", kind, "awaited", outputs, 60)
    assert noted(control_plane.dir) == {}, "a real controller runs for both"
    cluster.cancel()
