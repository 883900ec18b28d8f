"""A real API server takes what we tell Karpenter, by upstream's own CRDs and the rules in them."""

import json
import sys
from functools import partial
from pathlib import Path

import pytest
from sandbox_waits import eventually

from cnai.sandbox.provider.release.schemas import reference_dir
from recording import record

TESTS = Path(__file__).resolve().parents[2]
sys.path.insert(0, str(TESTS / "clouds" / "aws"))
import aws_samples as samples  # noqa: E402

pytestmark = pytest.mark.sandbox
KINDS = ("kubernetes:karpenter.sh/v1:NodePool", "kubernetes:karpenter.k8s.aws/v1:EC2NodeClass")
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
    for name in CRDS:
        kube.delete("apiextensions.k8s.io/v1", "CustomResourceDefinition", name)


def _established(kube, name):
    status = kube.get("apiextensions.k8s.io/v1", "CustomResourceDefinition", name).get("status") or {}
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
