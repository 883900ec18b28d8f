import copy
import tomllib
from importlib import resources

import pytest
from hypothesis import given
from hypothesis import strategies as st

from cnai.plugin.values import UNKNOWN, Secret
from cnai.sandbox.provider.diff import Diff, Mutability, diff, immutable_fields

BOTH = Mutability(config_maps=True, secrets=True)
NEITHER = Mutability()
VALUES = st.recursive(
    st.booleans() | st.integers() | st.text(),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(), inner, max_size=3),
    max_leaves=20,
)


def obj(kind: str, api_version: str = "v1", **fields) -> dict:
    return {"apiVersion": api_version, "kind": kind, "metadata": {"name": "a"}, **fields}


def changed(old: dict, change, mutability: Mutability = BOTH, **options) -> Diff:
    new = copy.deepcopy(old)
    change(new)
    return diff(old, new, mutability, **options)


@given(st.dictionaries(st.text(), VALUES, max_size=5))
def test_equal_inputs_are_no_change(value):
    assert diff(value, copy.deepcopy(value), NEITHER) == Diff(changes=False)


@given(st.dictionaries(st.text(min_size=1), VALUES, min_size=1), st.data())
def test_any_change_of_a_value_is_seen(value, data):
    key = data.draw(st.sampled_from(sorted(value)))
    assert diff(value, {**value, key: "changed for certain"}, NEITHER).changes or value[key] == "changed for certain"


def test_a_change_in_place_names_the_path_and_replaces_nothing():
    deployment = obj("Deployment", "apps/v1", spec={"replicas": 1})
    found = changed(deployment, lambda new: new["spec"].update(replicas=2))
    assert found == Diff(True, (), False, {"spec.replicas": ("update", False)})


def test_paths_are_written_as_the_engine_writes_them():
    pod = obj("Node", metadata={"name": "a", "labels": {"a.b/c": "1"}}, spec={"taints": [{"key": "gpu"}]})

    def change(new: dict) -> None:
        new["metadata"]["labels"]["a.b/c"] = "2"
        new["spec"]["taints"][0]["key"] = "tpu"

    assert set(changed(pod, change).detailed) == {'metadata.labels["a.b/c"]', "spec.taints[0].key"}


@pytest.mark.parametrize(
    ("old", "path"),
    [
        (obj("Deployment", "apps/v1", spec={"selector": {"matchLabels": {"a": "b"}}}), "spec.selector.matchLabels.a"),
        (obj("StatefulSet", "apps/v1", spec={"serviceName": "x"}), "spec.serviceName"),
        (obj("Job", "batch/v1", spec={"template": {"spec": {"x": "y"}}}), "spec.template.spec.x"),
        (obj("Service", spec={"clusterIP": "10.0.0.1"}), "spec.clusterIP"),
        (obj("PersistentVolumeClaim", spec={"storageClassName": "fast"}), "spec.storageClassName"),
        (obj("StorageClass", "storage.k8s.io/v1", parameters={"type": "ssd"}), "parameters.type"),
        (obj("RoleBinding", "rbac.authorization.k8s.io/v1", roleRef={"name": "x"}), "roleRef.name"),
        (obj("Secret", type="Opaque"), "type"),
        (obj("Namespace"), "metadata.name"),
        (obj("Widget", "cnai.test/v1"), "kind"),
    ],
)
def test_fields_that_only_a_new_object_can_have_replace_it(old, path):
    *above, last = path.split(".")

    def change(new: dict) -> None:
        for step in above:
            new = new[step]
        new[last] = "changed"

    found = changed(old, change)
    assert found.replaces == (path,)
    assert found.detailed[path] == ("update", True)


def test_a_pods_image_changes_in_place_and_its_environment_does_not():
    pod = obj("Pod", spec={"containers": [{"name": "a", "image": "x", "env": [{"name": "A", "value": "1"}]}]})
    assert not changed(pod, lambda new: new["spec"]["containers"][0].update(image="y")).replaces
    found = changed(pod, lambda new: new["spec"]["containers"][0]["env"][0].update(value="2"))
    assert found.replaces == ("spec.containers[0].env[0].value",)


def test_a_claim_grows_in_place():
    claim = obj("PersistentVolumeClaim", spec={"resources": {"requests": {"storage": "1Gi"}}})
    assert not changed(claim, lambda new: new["spec"]["resources"]["requests"].update(storage="2Gi")).replaces


@pytest.mark.parametrize("kind", ["ConfigMap", "Secret"])
def test_data_replaces_unless_the_provider_says_that_it_is_mutable(kind):
    config = obj(kind, data={"a": "1"})
    assert changed(config, lambda new: new["data"].update(a="2"), NEITHER).replaces == ("data.a",)
    assert not changed(config, lambda new: new["data"].update(a="2"), BOTH).replaces


@pytest.mark.parametrize("kind", ["ConfigMap", "Secret"])
def test_data_of_an_immutable_object_always_replaces_it(kind):
    config = obj(kind, data={"a": "1"}, immutable=True)
    assert changed(config, lambda new: new["data"].update(a="2"), BOTH).replaces == ("data.a",)
    assert changed(config, lambda new: new.pop("immutable"), BOTH).replaces == ("immutable",)


def test_a_name_that_the_program_chose_goes_before_its_successor_comes():
    named = obj("ConfigMap", data={"a": "1"})
    assert changed(named, lambda new: new["data"].update(a="2"), NEITHER).delete_before_replace
    autonamed = obj("ConfigMap", data={"a": "1"})
    autonamed["metadata"]["annotations"] = {"pulumi.com/autonamed": "true"}
    assert not changed(autonamed, lambda new: new["data"].update(a="2"), NEITHER).delete_before_replace


def test_a_new_name_needs_no_deletion_first():
    found = changed(obj("ConfigMap"), lambda new: new["metadata"].update(name="b"))
    assert found.replaces == ("metadata.name",)
    assert not found.delete_before_replace


def test_the_default_namespace_said_aloud_is_no_change():
    assert not changed(obj("ConfigMap"), lambda new: new["metadata"].update(namespace="default")).changes


def test_another_version_of_the_same_group_is_the_same_object_and_another_group_is_not():
    old = obj("HorizontalPodAutoscaler", "autoscaling/v1")
    assert changed(old, lambda new: new.update(apiVersion="autoscaling/v2")).replaces == ()
    assert changed(old, lambda new: new.update(apiVersion="other/v1")).replaces == ("apiVersion",)


def test_a_patch_replaces_only_with_its_objects_identity():
    patch = obj("Deployment", "apps/v1", spec={"selector": {"a": "b"}})
    assert not changed(patch, lambda new: new["spec"]["selector"].update(a="c"), patch=True).replaces
    assert changed(patch, lambda new: new["metadata"].update(name="b"), patch=True).replaces


def test_ignored_paths_and_all_below_them_are_not_compared():
    config = obj("ConfigMap", data={"a": "1"}, metadata={"name": "a", "labels": {"x": "1"}})

    def change(new: dict) -> None:
        new["data"]["a"] = "2"
        new["metadata"]["labels"]["x"] = "2"

    assert set(changed(config, change, ignored=("data",)).detailed) == {"metadata.labels.x"}


def test_a_secret_is_compared_by_its_value():
    assert not diff(obj("A", spec=Secret("x")), obj("A", spec="x"), BOTH).changes
    assert diff(obj("A", spec=Secret("x")), obj("A", spec=Secret("y")), BOTH).changes


def test_what_only_the_update_will_know_may_change():
    assert diff(obj("A", spec="x"), obj("A", spec=UNKNOWN), BOTH).detailed == {"spec": ("update", False)}


def test_an_absent_map_and_an_empty_one_are_the_same():
    assert not diff(obj("A"), obj("A", data={}), BOTH).changes


def test_every_row_of_the_table_is_about_a_group_a_kind_and_fields():
    table = tomllib.loads(resources.files("cnai.sandbox.provider").joinpath("immutable.toml").read_text())
    for group, kinds in table.items():
        for kind, fields in kinds.items():
            version = "v1" if group == "core" else f"{group}/v1"
            assert set(fields) <= set(immutable_fields(obj(kind, version), BOTH)), (group, kind)
            assert all(field and not field.startswith(".") for field in fields)
