"""Upgrades and rotations: what forbids them, what they write, and in which order `up` then goes."""

import base64
import gzip
import json

import boto3
import pytest
import yaml
from moto import mock_aws

from cnai.cli import app
from cnai.cli.console import ExitCode
from cnai.environment import Environment
from cnai.errors import UserError
from cnai.kube import NoKindError
from cnai.operations import removals, rotation, upgrade
from cnai.operations.aws import nodes

IMAGE = "1.37.1-20261001"
AWS = """# who reads this
config:
  cnai:cloud:
    aws: {region: us-east-1}   # the oldest
  cnai:pools:
    system: {machine: m7i.2xlarge, min: 3, max: 3}
"""


def environment(cloud="aws", **settings):
    places = {"aws": {"region": "us-east-1"}, "local": {}, "onprem": {"context": "here", "storage": "disks"}}
    system = {"machine": {"aws": "m7i.2xlarge", "local": "cpu-8", "onprem": "server-8"}[cloud], "min": 1}
    system |= {"selector": {"pool": "system"}} if cloud == "onprem" else {}
    config = {"cnai:cloud": {cloud: places[cloud] | settings}, "cnai:pools": {"system": system}}
    return Environment.load("prod", config)


class Cluster:
    """Objects by apiVersion and kind; what is not there is not served."""

    def __init__(self, *objects, kubelet="v1.36.2-eks-1"):
        status = {"nodeInfo": {"kubeletVersion": kubelet}}
        self.objects = [*objects, {"apiVersion": "v1", "kind": "Node", "metadata": {"name": "a"}, "status": status}]

    def list(self, api_version, kind, label_selector=None):
        found = [each for each in self.objects if (each["apiVersion"], each["kind"]) == (api_version, kind)]
        if not found and kind != "Secret":
            raise NoKindError(404, f"no {kind}")
        return found

    def close(self):
        pass


def test_the_next_minor_is_written_with_the_image_that_it_needs():
    found = upgrade.planned(environment(), "1.37", Cluster(), IMAGE)
    assert found.values == {"kubernetes": "1.37", "node_image": IMAGE}
    assert found.remarks == ()


@pytest.mark.parametrize(
    ("target", "said"),
    [
        ("1.38", "minors cannot be skipped: go to 1.37 first"),
        ("1.36", "is already at 1.36"),
        ("1.35", "cannot be downgraded"),
        ("37", "give a minor, such as 1.37"),
        ("latest", "give a minor"),
    ],
)
def test_any_other_step_is_refused(target, said):
    with pytest.raises(UserError, match=said):
        upgrade.planned(environment(), target, Cluster(), IMAGE)


def test_a_cloud_whose_version_nobody_chooses_is_not_upgraded():
    with pytest.raises(UserError, match=r"local offers only Kubernetes 1\.\d+"):
        upgrade.planned(environment("local"), "1.37", Cluster())


def test_a_cluster_that_somebody_else_made_is_upgraded_by_them():
    with pytest.raises(UserError, match="upgrade it with what created it"):
        upgrade.planned(environment("onprem"), "1.37", Cluster())


def test_a_cluster_without_a_node_is_taken_for_another_one():
    cluster = Cluster()
    cluster.objects.clear()
    cluster.list = lambda *_, **__: []
    with pytest.raises(UserError, match="is this the right cluster"):
        upgrade.planned(environment(), "1.37", cluster, IMAGE)


def test_nodes_that_the_last_upgrade_has_not_reached_come_first():
    with pytest.raises(UserError, match=r"nodes still run 1\.35: a: run `up` to bring all of them to 1\.36 first"):
        upgrade.planned(environment(), "1.37", Cluster(kubelet="v1.35.9"), IMAGE)


def service_range(manager="argo", version="networking.k8s.io/v1beta1", **annotations):
    entry = {"manager": manager, "apiVersion": version, "time": "2026-01-02T03:04:05Z"}
    metadata = {"name": "extra", "managedFields": [entry], "annotations": annotations}
    return {"apiVersion": "networking.k8s.io/v1", "kind": "ServiceCIDR", "metadata": metadata}


def test_whoever_writes_a_version_that_goes_is_named_with_what_to_use_instead():
    with pytest.raises(UserError, match=r"ServiceCIDR extra is networking.k8s.io/v1beta1 to argo \(2026-01-02") as told:
        upgrade.planned(environment(), "1.37", Cluster(service_range()), IMAGE)
    assert "use networking.k8s.io/v1" in str(told.value)


def test_the_same_object_in_a_version_that_stays_is_none_of_it():
    upgrade.planned(environment(), "1.37", Cluster(service_range(version="networking.k8s.io/v1")), IMAGE)


def test_what_kubectl_applied_counts_by_its_own_note():
    applied = json.dumps({"apiVersion": "networking.k8s.io/v1beta1", "kind": "ServiceCIDR"})
    cluster = Cluster(service_range(version="networking.k8s.io/v1", **{removals.LAST_APPLIED: applied}))
    with pytest.raises(UserError, match="to kubectl apply"):
        upgrade.planned(environment(), "1.37", cluster, IMAGE)


def helm_release(*objects):
    content = {"name": "old", "namespace": "tools", "manifest": "---\n".join(map(yaml.safe_dump, objects))}
    packed = base64.b64encode(gzip.compress(json.dumps(content).encode()))
    data = {"release": base64.b64encode(packed).decode()}
    return {"apiVersion": "v1", "kind": "Secret", "metadata": {"name": "sh.helm.release.v1.old.v1"}, "data": data}


def test_a_helm_release_that_carries_a_removed_version_is_named_however_long_ago_it_went():
    budget = {"apiVersion": "policy/v1beta1", "kind": "PodDisruptionBudget", "metadata": {"name": "web"}}
    with pytest.raises(UserError, match="PodDisruptionBudget web is policy/v1beta1 to the Helm release tools/old"):
        upgrade.planned(environment(), "1.37", Cluster(helm_release(budget)), IMAGE)
    fine = {"apiVersion": "policy/v1", "kind": "PodDisruptionBudget", "metadata": {"name": "web"}}
    upgrade.planned(environment(), "1.37", Cluster(helm_release(fine)), IMAGE)


def test_removals_name_a_minor_and_something_else_than_themselves():
    rows = removals.removed("1.0", "1.99")
    assert len(rows) > 15
    assert all(row.version != row.instead and row.minor.startswith("1.") and row.kinds for row in rows)
    assert {row.minor for row in removals.removed("1.36", "1.37")} == {"1.37"}


def test_without_a_look_at_the_cluster_the_plan_says_so():
    assert "was not checked" in upgrade.planned(environment(), "1.37", None, IMAGE).remarks[0]


@pytest.fixture
def aws(monkeypatch):
    for name in ("AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY", "AWS_SESSION_TOKEN"):
        monkeypatch.setenv(name, "testing")
    with mock_aws():
        yield boto3.client("ssm", region_name="us-east-1")


def test_the_image_is_the_one_that_aws_recommends_where_none_is_given(aws, monkeypatch):
    # SSM keeps names below /aws/ to AWS itself, moto's too: so it is asked below another.
    monkeypatch.setattr(nodes, "PARAMETER", "/images/{}")
    for minor, release in (("1.36", "1.36.9-20261111"), ("1.37", IMAGE)):
        aws.put_parameter(Name=f"/images/{minor}", Value=release, Type="String")
    assert upgrade.planned(environment(), "1.37", Cluster()).values["node_image"] == IMAGE
    found = rotation.planned(environment())
    assert found.values == {"node_image": "1.36.9-20261111"}
    assert rotation.planned(environment(node_image="1.36.9-20261111")).values == {}


def test_a_minor_for_which_aws_has_no_image_yet_says_how_to_name_one(aws):
    with pytest.raises(UserError, match=r"--image 1\.37\.0-YYYYMMDD"):
        upgrade.planned(environment(), "1.37", Cluster())


def test_a_cloud_without_images_has_none_to_rotate():
    with pytest.raises(UserError, match="creates no nodes from images"):
        rotation.planned(environment("local"))


@pytest.fixture
def stack(tmp_path, monkeypatch):
    (tmp_path / "Pulumi.yaml").write_text("name: cnai\nruntime: python\n")
    (tmp_path / "stacks").mkdir()
    monkeypatch.setenv("CNAI_PROJECT", str(tmp_path))
    path = tmp_path / "stacks" / "Pulumi.prod.yaml"
    path.write_text(AWS)
    return path


def test_the_command_writes_the_stack_file_and_keeps_what_else_stands_there(stack, monkeypatch, capsys):
    monkeypatch.setattr("cnai.kube.Kube.from_kubeconfig", lambda *_: Cluster())
    assert app.run(["upgrade", "prod", "--to", "1.37", "--image", IMAGE, "--yes"]) == ExitCode.DONE
    said = capsys.readouterr().out
    assert said.index("control plane") < said.index("system pool") < said.index("every other pool")
    assert "./cnai up prod" in said
    text = stack.read_text()
    assert f'aws: {{kubernetes: "1.37", node_image: "{IMAGE}", region: us-east-1}}   # the oldest' in text
    assert text.startswith("# who reads this")


def test_what_the_environment_would_refuse_is_not_written(stack, monkeypatch, capsys):
    monkeypatch.setattr("cnai.kube.Kube.from_kubeconfig", lambda *_: Cluster())
    assert app.run(["upgrade", "prod", "--to", "1.37", "--image", "1.36.2-20260714", "-y"]) == ExitCode.WRONG_INPUT
    assert "nodes need an image for" in capsys.readouterr().err
    assert stack.read_text() == AWS


def test_a_cluster_that_cannot_be_reached_stops_the_upgrade(stack, monkeypatch, capsys):
    monkeypatch.setenv("KUBECONFIG", "/nowhere")
    assert app.run(["upgrade", "prod", "--to", "1.37", "--image", IMAGE, "-y"]) == ExitCode.FAILED
    assert "--without-cluster" in capsys.readouterr().err
    assert stack.read_text() == AWS
    assert app.run(["upgrade", "prod", "--to", "1.37", "--image", IMAGE, "-y", "--without-cluster"]) == ExitCode.DONE


def test_a_real_environment_is_not_changed_without_a_yes(stack, monkeypatch, capsys):
    assert app.run(["rotate", "prod", "--image", "1.36.9-20261111"]) == ExitCode.NOT_CONFIRMED
    assert stack.read_text() == AWS
    assert app.run(["rotate", "prod", "--image", "1.36.9-20261111", "--yes"]) == ExitCode.DONE
    assert 'node_image: "1.36.9-20261111"' in stack.read_text()
