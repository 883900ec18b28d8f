from hypothesis import given
from hypothesis import strategies as st

from cnai.sandbox.provider.live import as_inputs, outputs, pruned, same

METADATA = {"name": "a", "uid": "u", "resourceVersion": "7", "managedFields": [{"manager": "x"}], "generation": 2}
VALUES = st.recursive(
    st.booleans() | st.integers() | st.text(),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(), inner, max_size=3),
    max_leaves=20,
)


@given(st.dictionaries(st.text(), VALUES, max_size=4))
def test_an_object_that_is_as_it_was_given_shows_no_drift(value):
    assert pruned(value, value) == value


def test_defaults_of_the_api_server_are_no_drift():
    inputs = {"spec": {"ports": [{"port": 80}], "selector": {"a": "b"}}}
    live = {"spec": {"ports": [{"port": 80, "protocol": "TCP"}], "selector": {"a": "b"}, "type": "ClusterIP"}}
    assert pruned(live, inputs) == inputs


def test_what_somebody_else_changed_or_took_away_is_drift():
    inputs = {"spec": {"replicas": 3, "paused": True}}
    assert pruned({"spec": {"replicas": 5}}, inputs) == {"spec": {"replicas": 5}}


def test_containers_that_a_webhook_added_are_no_drift():
    inputs = {"containers": [{"name": "web", "image": "a"}]}
    live = {"containers": [{"name": "proxy", "image": "p"}, {"name": "web", "image": "b"}]}
    assert pruned(live, inputs) == {"containers": [{"name": "web", "image": "b"}]}


def test_what_the_api_server_never_shows_again_is_kept():
    assert pruned({"data": {"a": "eA=="}}, {"stringData": {"a": "x"}}) == {"stringData": {"a": "x"}}


def test_quantities_are_the_same_in_every_spelling():
    pairs = [("1000m", "1"), ("1Gi", "1024Mi"), (1, "1"), ("0.5", "500m"), ("1e3", "1k"), ("128974848", "123Mi")]
    assert all(same(left, right) for left, right in pairs)
    different = [("1Gi", "1G"), ("1", "2"), ("a", "b"), ("true", True), ("nginx:1.25", 1)]
    assert not any(same(left, right) for left, right in different)


def test_an_import_keeps_what_could_have_made_the_object():
    annotations = {"deployment.kubernetes.io/revision": "3", "mine": "yes"}
    live = {"kind": "Deployment", "metadata": METADATA | {"annotations": annotations}, "spec": {"a": 1}, "status": {}}
    made = as_inputs(live, {})
    assert made == {
        "kind": "Deployment",
        "metadata": {"name": "a", "annotations": {"mine": "yes"}},
        "spec": {"a": 1},
    }


def test_definitions_come_back_in_the_spelling_in_which_they_were_given():
    schema = {"x-kubernetes-preserve-unknown-fields": True}
    live = {"apiVersion": "v1", "kind": "CustomResourceDefinition", "metadata": METADATA, "spec": {"schema": schema}}
    dashed = {"kind": "CustomResourceDefinition", "spec": {"schema": schema}}
    underscored = {
        "kind": "CustomResourceDefinition",
        "spec": {"schema": {"x_kubernetes_preserve_unknown_fields": True}},
    }
    assert as_inputs(live, dashed) == dashed
    assert as_inputs(live, underscored) == underscored
    assert outputs(live, "m")["spec"] == underscored["spec"]


def test_outputs_leave_out_field_ownership_and_a_preview_leaves_out_status():
    live = {"apiVersion": "v1", "kind": "Pod", "metadata": METADATA, "status": {"phase": "Running"}}
    shown = outputs(live, "manager")
    assert "managedFields" not in shown["metadata"]
    assert shown["metadata"]["uid"] == "u"
    assert shown["__fieldManager"] == "manager"
    assert "status" in shown
    assert "status" not in outputs(live, "manager", preview=True)
