"""What a recording run of a program gives: secrets stay secret, unknown values stay unknown."""

import json

import pulumi
import pulumi_kubernetes as kubernetes
import pytest
import yaml

from cnai.policy.values import Unknown, plain
from cnai.render.charts import NotAtHand, Renderer
from cnai.render.crds import sketch
from cnai.render.environment import known, of_declared, without_secrets
from cnai.render.program import as_engine
from cnai.render.recording import leaves, record

SECURE = {"secure": "v1:abc"}


def declared(program):
    return {each.name: each.inputs for each in record(program, "web", "prod", preview=True, reads=leaves)}


def test_only_the_secret_itself_is_hidden_and_not_all_that_is_around_it():
    def program():
        token = pulumi.Output.secret("hunter2")
        env = [{"name": "T", "value": token}, {"name": "PIN", "value": pulumi.Output.secret(1234)}]
        kubernetes.core.v1.Pod("web", spec={"host_pid": True, "containers": [{"name": "a", "env": env}]})
        kubernetes.core.v1.Secret("keys", string_data=pulumi.Output.secret({"a": "hunter2"}))

    found = declared(program)
    assert found["web"]["spec"]["hostPID"] is True
    hidden, pin = found["web"]["spec"]["containers"][0]["env"]
    assert hidden == {"name": "T", "value": "[secret]"}
    assert isinstance(plain(pin)["value"], Unknown)
    assert found["keys"]["stringData"] == {"a": "[secret]"}
    assert "hunter2" not in repr(found)


def test_what_only_the_cluster_will_say_is_unknown_and_what_is_given_is_known():
    def program():
        service = kubernetes.core.v1.Service("web", metadata={"name": "web"}, spec={"type": "LoadBalancer"})
        address = service.status.load_balancer.ingress[0].ip
        kubernetes.core.v1.ConfigMap("urls", data={"ip": address, "name": service.metadata.name})

    data = plain(declared(program)["urls"]["data"])
    assert isinstance(data["ip"], Unknown)
    assert data["name"] == "web"


class Named(pulumi.CustomResource):
    arn: pulumi.Output[str]

    def __init__(self, kind, name, **props):
        super().__init__(kind, name, {"arn": None, **props})


def test_what_a_cloud_will_call_a_resource_is_made_up_so_that_policies_about_it_can_be_read():
    def program():
        key = Named("aws:kms/key:Key", "key")
        text = key.arn.apply(lambda arn: json.dumps({"Statement": [{"Action": "kms:*", "Resource": arn}]}))
        Named("aws:iam/policy:Policy", "all", policy=text, role=key.id)

    found = declared(program)["all"]
    assert json.loads(found["policy"])["Statement"][0]["Resource"] == "key-arn"
    assert found["role"] == "key-id"


def test_a_text_that_a_chart_builds_of_an_unknown_value_is_unknown():
    mark = "04da6b54-80e4-46f7-96ec-b56ff0331ba9"
    found = known({"args": ["--plain", f"--url=https://{mark}/v1"], "name": "web"})
    assert found["args"][0] == "--plain"
    assert isinstance(found["args"][1], Unknown)


def test_a_stack_s_configuration_reaches_the_program_as_the_engine_hands_it_over():
    texts, secrets = as_engine(
        {"cnai:teams": {"a": 1}, "cnai:name": "x", "cnai:secrets": {"token": SECURE}, "k": SECURE}
    )
    assert texts["cnai:teams"] == '{"a": 1}'
    assert texts["cnai:name"] == "x"
    assert set(secrets) == {"cnai:secrets", "k"}
    assert "v1:abc" not in repr(texts)


def test_whatever_a_chart_writes_into_a_secret_is_hidden():
    secret = {"apiVersion": "v1", "kind": "Secret", "data": {"p": "aHVudGVyMg=="}, "stringData": None}
    assert without_secrets(secret)["data"] == {"p": "[secret]"}
    assert without_secrets(secret | {"kind": "ConfigMap"})["data"] == {"p": "aHVudGVyMg=="}


CRD = {
    "apiVersion": "apiextensions.k8s.io/v1",
    "kind": "CustomResourceDefinition",
    "metadata": {"name": "things.example.dev"},
    "spec": {
        "group": "example.dev",
        "names": {"kind": "Thing", "plural": "things"},
        "scope": "Namespaced",
        "versions": [{"name": "v1", "schema": {"openAPIV3Schema": {"properties": {"name": {"name": "v9"}}}}}],
    },
}


@pytest.mark.parametrize("sort_keys", [True, False])
def test_a_crd_is_known_by_its_head_however_its_keys_are_ordered(sort_keys):
    found = sketch(yaml.safe_dump(CRD, sort_keys=sort_keys))
    assert (found.kind, found.namespaced) == ("example.dev/Thing", True)
    assert found.api_versions == ["example.dev/v1", "example.dev/v1/Thing"]


@pytest.mark.parametrize("crds", [True, False])
def test_objects_get_the_release_s_namespace_only_where_their_kind_has_one(crds):
    stream = "---\n".join(
        yaml.safe_dump({"apiVersion": version, "kind": kind, "metadata": {"name": kind.lower()}})
        for version, kind in (
            ("v1", "Pod"),
            ("example.dev/v1", "Thing"),
            ("rbac.authorization.k8s.io/v1", "ClusterRole"),
        )
    )
    found = Renderer(crds=crds).objects(f"{yaml.safe_dump(CRD)}---\n{stream}", "web", "chart web")
    spaces = {each["kind"]: each["metadata"].get("namespace") for each in found}
    expected = {"Pod": "web", "Thing": "web", "ClusterRole": None}
    assert spaces == expected | ({"CustomResourceDefinition": None} if crds else {})


def test_a_file_that_is_not_at_hand_is_named_and_the_rest_of_its_group_is_there(tmp_path, monkeypatch):
    monkeypatch.setenv("CNAI_CACHE", str(tmp_path))
    monkeypatch.setattr("cnai.render.charts.Offline.why", lambda *_: "example.dev cannot be reached")
    (tmp_path / "pod.yaml").write_text(yaml.safe_dump({"apiVersion": "v1", "kind": "Pod", "metadata": {"name": "a"}}))

    def program():
        files = [str(tmp_path / "pod.yaml"), "https://example.dev/more.yaml"]
        kubernetes.yaml.v2.ConfigGroup("all", files=files)

    rendered = of_declared(record(program, "web", "prod", preview=True, reads=leaves), "prod", Renderer())
    assert "Pod/default/a" in [each.id for each in rendered.resources]
    (missing,) = rendered.not_rendered
    assert "example.dev cannot be reached" in missing.reason


def test_a_chart_that_no_repository_gives_is_not_at_hand_and_asks_for_no_helm(tmp_path, monkeypatch):
    monkeypatch.setenv("CNAI_CACHE", str(tmp_path))
    monkeypatch.setattr("cnai.render.charts.ensure", lambda *_: pytest.fail("asked for Helm"))
    monkeypatch.setattr("cnai.render.charts.Offline.why", lambda *_: "charts.example.dev cannot be reached")
    with pytest.raises(NotAtHand, match="cannot be reached"):
        Renderer().release(
            "db", {"chart": "db", "version": "1.0.0", "repositoryOpts": {"repo": "https://charts.example.dev"}}
        )
