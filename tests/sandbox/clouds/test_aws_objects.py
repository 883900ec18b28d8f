"""A real API server takes what we tell Karpenter, by upstream's own CRDs and the rules in them."""

import json
import sys
from functools import partial
from pathlib import Path

import pytest
import yaml
from sandbox_waits import eventually

from cnai.charts.schemas import reference_dir
from cnai.sandbox.controllers import wait_ready
from recording import record

TESTS = Path(__file__).resolve().parents[2]
sys.path.insert(0, str(TESTS / "clouds" / "aws"))
import aws_samples as samples  # noqa: E402

pytestmark = pytest.mark.sandbox
KINDS = ("kubernetes:karpenter.sh/v1:NodePool", "kubernetes:karpenter.k8s.aws/v1:EC2NodeClass")
CRD = "apiextensions.k8s.io/v1"
CRDS = ("nodepools.karpenter.sh", "ec2nodeclasses.karpenter.k8s.aws")


@pytest.fixture(scope="module")
def crds(kube):
    folder = reference_dir(TESTS.parent)
    if folder is None:
        pytest.skip("no reference data: name its folder in CNAI_REFERENCE")
    for name in CRDS:
        crd = json.loads((folder / "crds" / "karpenter" / f"{name}.json").read_text())
        kube.apply(crd, field_manager="test")
    for name in CRDS:
        eventually(partial(_established, kube, name), f"{name} is served")
    yield
    _remove(kube, CRDS)


def _remove(kube, names):
    for name in names:
        kube.delete(CRD, "CustomResourceDefinition", name)
    for name in names:
        eventually(lambda name=name: kube.get(CRD, "CustomResourceDefinition", name) is None, f"{name} is gone")


def _established(kube, name):
    status = kube.get(CRD, "CustomResourceDefinition", name).get("status") or {}
    return any(each["type"] == "Established" and each["status"] == "True" for each in status.get("conditions") or ())


def objects():
    return [each.inputs for each in record(samples.cluster, "cnai", "prod") if each.type in KINDS]


def test_every_node_pool_and_node_class_is_taken(crds, kube):
    made = objects()
    assert len(made) == 16
    for obj in made:
        assert kube.create(obj, dry_run=True)["spec"]


def test_a_static_pool_with_a_weight_would_not_be(crds, kube):
    (static,) = [obj for obj in objects() if "replicas" in obj["spec"]]
    with pytest.raises(Exception, match="'weight' is not supported on static NodePools"):
        kube.create({**static, "spec": {**static["spec"], "weight": 10}}, dry_run=True)


def test_flow_schemas_are_taken(kube):
    schemas = [each.inputs for each in record(samples.cluster, "cnai", "prod") if each.type.endswith(":FlowSchema")]
    assert len(schemas) == 2
    for each in schemas:
        assert kube.create(each, dry_run=True)["metadata"]["name"].startswith("karpenter-")


@pytest.fixture
def flown(kube, control_plane, tools, crds):
    """The pool `l4` as it is declared, with the real Karpenter at work; all of it is gone after the test."""
    files = sorted((tools["karpenter"].parent / "share/crds").glob("*.yaml"))
    module = [yaml.safe_load(file.read_text()) for file in files]
    for crd in module:
        kube.apply(crd, field_manager="test", force=True)
    wait_ready(control_plane.dir, "karpenter", 60)
    made = [obj for obj in objects() if obj["metadata"]["name"].startswith("l4-")]
    for obj in made:
        kube.apply(obj, field_manager="test")
    yield
    for obj in reversed(made):
        kube.delete(obj["apiVersion"], obj["kind"], obj["metadata"]["name"])
    eventually(lambda: not kube.list("v1", "Node", label_selector="cnai.dev/pool=l4"), "all nodes are gone")
    _remove(kube, [crd["metadata"]["name"] for crd in module])


def test_karpenter_keeps_the_min_and_grows_by_the_first_route(kube, put, flown):
    def nodes(pool):
        return kube.list("v1", "Node", label_selector=f"karpenter.sh/nodepool={pool}")

    eventually(lambda: len(nodes("l4-min")) == 2, "the pool's min is there with no pod asking for it")
    labels = {"app": "wants-l4"}
    pod = {
        "nodeSelector": samples.L4.selector,
        "tolerations": samples.L4.tolerations,
        "containers": [{"name": "c", "image": "x", "resources": {"requests": {"cpu": "30"}}}],
    }
    spec = {
        "replicas": 5,
        "selector": {"matchLabels": labels},
        "template": {"metadata": {"labels": labels}, "spec": pod},
    }
    put(
        {
            "apiVersion": "apps/v1",
            "kind": "Deployment",
            "metadata": {"name": "wants-l4", "namespace": "default"},
            "spec": spec,
        }
    )
    eventually(lambda: len(nodes("l4-spot")) == 3, "three more nodes, by the route that comes first")
    assert nodes("l4-on-demand") == []
    for node in (*nodes("l4-min"), *nodes("l4-spot")):
        found = node["metadata"]["labels"]
        assert found["node.kubernetes.io/instance-type"] == "g6.12xlarge"
        assert found["cnai.dev/pool"] == "l4"
        assert node["status"]["allocatable"]["pods"] == "110"
