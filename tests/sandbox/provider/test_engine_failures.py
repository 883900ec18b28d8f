import pulumi
import pulumi_kubernetes as k8s
import pytest
from sandbox_waits import eventually

from cnai.kube import ApiError, Kube

pytestmark = pytest.mark.sandbox


def test_what_never_becomes_ready_stays_in_the_state_and_destroy_leaves_nothing(stack, kube: Kube):
    def program() -> None:
        container = {"name": "gpu", "image": "nginx", "resources": {"limits": {"nvidia.com/gpu": "8"}}}
        k8s.apps.v1.Deployment(
            "unplaceable",
            metadata={"name": "unplaceable", "namespace": "default"},
            spec={
                "selector": {"match_labels": {"app": "gpu"}},
                "template": {"metadata": {"labels": {"app": "gpu"}}, "spec": {"containers": [container]}},
            },
            opts=pulumi.ResourceOptions(custom_timeouts=pulumi.CustomTimeouts(create="3s")),
        )

    words = stack.failing(program)
    assert "Deployment default/unplaceable is not ready after 3s: 0 of 1 updated replicas are available" in words
    # The scheduler's own words for why.
    assert "no nodes available to schedule pods" in words or "Insufficient nvidia.com/gpu" in words
    assert "Traceback" not in words
    assert stack.resources()["unplaceable"]["initErrors"]

    stack.inner.destroy()
    assert kube.get("apps/v1", "Deployment", "unplaceable", "default") is None
    assert not kube.list("v1", "Pod", "default", "app=gpu")


def test_refusals_come_in_the_api_servers_words_and_without_a_traceback(stack, kube: Kube, put):
    put(policy("no-purple", "object.metadata.name != 'purple'", "purple is not a colour"))
    put(binding("no-purple"))
    # A policy holds some time after it is there.
    eventually(lambda: refuses(kube, "purple"), "the policy holds")
    taken = {"apiVersion": "v1", "kind": "ConfigMap", "metadata": {"name": "taken", "namespace": "default"}}
    put({**taken, "data": {"owner": "somebody"}})

    def program() -> None:
        config_map("taken", {"owner": "us"})
        config_map("purple", {})
        k8s.core.v1.Service(
            "misspelt", metadata={"name": "misspelt", "namespace": "default"}, spec={"port": [{"port": 80}]}
        )
        k8s.core.v1.Service(
            "portless", metadata={"name": "portless", "namespace": "default"}, spec={"type": "NodePort"}
        )

    words = stack.failing(program, continue_on_error=True)

    assert 'ConfigMap default/taken: Apply failed with 1 conflict: conflict with "test": .data.owner' in words
    assert 'set the annotation pulumi.com/patchForce: "true"' in words
    assert "purple is not a colour" in words
    assert ".spec.port: field not declared in schema" in words
    assert 'Service "portless" is invalid: spec.ports: Required value' in words
    assert "Traceback" not in words
    assert set(stack.resources()) <= {"provider-test", "default_4_34_2"} | {
        name for name in stack.resources() if "default" in name
    }


def refuses(kube: Kube, name: str) -> bool:
    try:
        metadata = {"name": name, "namespace": "default"}
        kube.create({"apiVersion": "v1", "kind": "ConfigMap", "metadata": metadata}, dry_run=True)
    except ApiError:
        return True
    return False


def test_a_preview_already_tells_what_the_api_server_will_refuse(stack):
    def program() -> None:
        k8s.core.v1.Service(
            "portless", metadata={"name": "portless", "namespace": "default"}, spec={"type": "NodePort"}
        )

    with pytest.raises(pulumi.automation.CommandError, match=r"spec\.ports: Required value"):
        stack.preview(program)


def config_map(name: str, data: dict[str, str]) -> None:
    k8s.core.v1.ConfigMap(name, metadata={"name": name, "namespace": "default"}, data=data)


def policy(name: str, expression: str, message: str) -> dict:
    rule = {"apiGroups": [""], "apiVersions": ["v1"], "operations": ["CREATE"], "resources": ["configmaps"]}
    return {
        "apiVersion": "admissionregistration.k8s.io/v1",
        "kind": "ValidatingAdmissionPolicy",
        "metadata": {"name": name},
        "spec": {
            "matchConstraints": {"resourceRules": [rule]},
            "validations": [{"expression": expression, "message": message}],
        },
    }


def binding(name: str) -> dict:
    return {
        "apiVersion": "admissionregistration.k8s.io/v1",
        "kind": "ValidatingAdmissionPolicyBinding",
        "metadata": {"name": name},
        "spec": {"policyName": name, "validationActions": ["Deny"]},
    }
