import base64

import pulumi
import pulumi_kubernetes as k8s
import pytest

from cnai.kube import Kube

pytestmark = pytest.mark.sandbox
PASSWORD = "correct-horse-battery"
LABELS = {"app": "web"}


def workload(namespace: pulumi.Input[str], image: str = "nginx", labels: dict[str, str] = LABELS) -> None:
    template = {"metadata": {"labels": labels}, "spec": {"containers": [{"name": "web", "image": image}]}}
    k8s.apps.v1.Deployment(
        "web",
        metadata={"name": "web", "namespace": namespace},
        spec={"replicas": 0, "selector": {"match_labels": labels}, "template": template},
    )
    k8s.core.v1.Service("web", metadata={"namespace": namespace}, spec={"selector": labels, "ports": [{"port": 80}]})


def first() -> None:
    namespace = k8s.core.v1.Namespace("lifecycle", metadata={"name": "lifecycle"}).metadata.name
    k8s.core.v1.ConfigMap("settings", metadata={"namespace": namespace}, data={"a": "1"})
    k8s.core.v1.Secret("login", metadata={"name": "login", "namespace": namespace}, string_data={"password": PASSWORD})
    workload(namespace)


def changed() -> None:
    namespace = k8s.core.v1.Namespace("lifecycle", metadata={"name": "lifecycle"}).metadata.name
    k8s.core.v1.ConfigMap("settings", metadata={"namespace": namespace}, data={"a": "2"})
    k8s.core.v1.Secret("login", metadata={"name": "login", "namespace": namespace}, string_data={"password": PASSWORD})
    workload(namespace, image="nginx:alpine", labels={"app": "other"})


def test_objects_are_made_once_changed_in_place_replaced_where_they_must_be_and_leave_nothing(stack, kube: Kube):
    assert stack.preview(first)["create"] == 6
    assert stack.up(first) == {"create": 6}

    state = stack.resources()
    assert state["lifecycle"]["id"] == "lifecycle"
    assert state["login"]["id"] == "lifecycle/login"
    assert state["settings"]["outputs"]["metadata"]["annotations"] == {"pulumi.com/autonamed": "true"}
    live = kube.get("v1", "Secret", "login", "lifecycle")
    assert live is not None
    assert base64.b64decode(live["data"]["password"]).decode() == PASSWORD
    written = stack.written()
    assert "lifecycle/login" in written
    assert PASSWORD not in written
    assert live["data"]["password"] not in written

    assert stack.up(first) == {"same": 6}

    before = kube.list("v1", "ConfigMap", "lifecycle", "")
    uid = (kube.get("apps/v1", "Deployment", "web", "lifecycle") or {})["metadata"]["uid"]
    # The ConfigMap's data and the Deployment's selector cannot change in place; the Service's selector can.
    assert stack.up(changed) == {"same": 3, "update": 1, "replace": 2}
    assert (kube.get("apps/v1", "Deployment", "web", "lifecycle") or {})["metadata"]["uid"] != uid
    assert len(kube.list("v1", "ConfigMap", "lifecycle")) == len(before)

    stack.inner.destroy()
    assert kube.get("v1", "Namespace", "lifecycle") is None


def test_refresh_sees_drift_and_what_is_gone_and_the_next_update_mends_both(stack, kube: Kube):
    def program() -> None:
        for name in ("kept", "gone"):
            spec = {"hard": {"pods": "10", "requests.cpu": "1000m"}}
            k8s.core.v1.ResourceQuota(name, metadata={"name": name, "namespace": "default"}, spec=spec)

    stack.up(program)
    # The API server shows 1000m as 1, which is no drift.
    assert (stack.inner.refresh().summary.resource_changes or {}) == {"same": 3}

    kube.patch("v1", "ResourceQuota", "kept", {"spec": {"hard": {"pods": "3"}}}, "default")
    kube.delete("v1", "ResourceQuota", "gone", "default")
    assert stack.inner.refresh().summary.resource_changes == {"same": 1, "update": 1, "delete": 1}

    # Somebody else owns the field by now, and says so.
    assert "conflict" in stack.failing(program)
    stack.up(lambda: with_force(program))
    live = kube.get("v1", "ResourceQuota", "kept", "default")
    assert live is not None
    assert live["spec"]["hard"]["pods"] == "10"
    assert kube.get("v1", "ResourceQuota", "gone", "default") is not None


def with_force(program) -> None:
    def force(args: pulumi.ResourceTransformArgs) -> pulumi.ResourceTransformResult:
        metadata = {**args.props["metadata"], "annotations": {"pulumi.com/patchForce": "true"}}
        return pulumi.ResourceTransformResult({**args.props, "metadata": metadata}, args.opts)

    pulumi.runtime.register_resource_transform(force)
    program()


def test_an_existing_object_is_imported_and_then_belongs_to_the_stack(stack, kube: Kube):
    spec = {"hard": {"pods": "7"}}
    kube.apply(
        {
            "apiVersion": "v1",
            "kind": "ResourceQuota",
            "metadata": {"name": "mine", "namespace": "default"},
            "spec": spec,
        },
        "somebody",
    )

    def program() -> None:
        k8s.core.v1.ResourceQuota(
            "mine",
            metadata={"name": "mine", "namespace": "default"},
            spec=spec,
            opts=pulumi.ResourceOptions(import_="default/mine"),
        )

    assert stack.up(program) == {"create": 1, "import": 1}
    stack.inner.destroy()
    assert kube.get("v1", "ResourceQuota", "mine", "default") is None


def test_a_patch_resource_changes_another_ones_object_and_gives_it_back(stack, kube: Kube):
    def program() -> None:
        k8s.core.v1.NamespacePatch("labelled", metadata={"name": "default", "labels": {"cnai.test/patched": "yes"}})

    stack.up(program)
    labels = (kube.get("v1", "Namespace", "default") or {})["metadata"]["labels"]
    assert labels["cnai.test/patched"] == "yes"

    stack.inner.destroy()
    left = kube.get("v1", "Namespace", "default")
    assert left is not None
    assert "cnai.test/patched" not in left["metadata"]["labels"]


def test_a_custom_resource_waits_for_the_definition_that_the_same_update_makes(stack, kube: Kube):
    schema = {
        "type": "object",
        "properties": {"spec": {"type": "object", "x_kubernetes_preserve_unknown_fields": True}},
    }

    def program() -> None:
        # No dependency between the two: the custom resource has to wait by itself.
        k8s.apiextensions.CustomResource(
            "widget", "cnai.test/v1", "Widget", metadata={"name": "widget", "namespace": "default"}, spec={"size": 3}
        )
        k8s.apiextensions.v1.CustomResourceDefinition(
            "widgets",
            metadata={"name": "widgets.cnai.test"},
            spec={
                "group": "cnai.test",
                "names": {"kind": "Widget", "plural": "widgets"},
                "scope": "Namespaced",
                "versions": [{"name": "v1", "served": True, "storage": True, "schema": {"open_apiv3_schema": schema}}],
            },
        )

    assert stack.up(program) == {"create": 3}
    live = kube.get("cnai.test/v1", "Widget", "widget", "default")
    assert live is not None
    assert live["spec"] == {"size": 3}

    stack.inner.destroy()
    assert kube.get("apiextensions.k8s.io/v1", "CustomResourceDefinition", "widgets.cnai.test") is None
