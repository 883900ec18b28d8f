"""Every key of values that we set is one that its chart knows, whatever the cluster and the arguments."""

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from cnai.catalog import catalog
from cnai.catalog.keys import ignored, known, written
from declared_values import COMPUTED, values_of


def test_every_package_of_the_catalog_is_checked_here():
    assert set(COMPUTED) == set(catalog())


@pytest.mark.parametrize("package", COMPUTED)
@settings(max_examples=40, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(data=st.data())
def test_no_chart_ignores_a_value_that_we_set(package, data):
    ours = data.draw(values_of(package))
    assert [str(each) for each in ignored(ours, catalog()[package].lock.known)] == []


@pytest.mark.parametrize(
    ("package", "wrong", "told"),
    [
        (
            "gpu-operator",
            {"driver": {"enable": True}},
            "driver.enable: the chart has no such value: did you mean driver.enabled?",
        ),
        (
            "gpu-operator",
            {"node-feature-discovery": {"master": {"replicas": 1}}},
            "did you mean node-feature-discovery.master.replicaCount?",
        ),
        ("istiod", {"pilot": {"autoscaleEnabled": True}}, "pilot: the chart has no such value"),
        (
            "kube-prometheus-stack",
            {"grafana": {"admin": {"secret": "x"}}},
            "grafana.admin.secret: the chart has no such value",
        ),
        (
            "kube-prometheus-stack",
            {"grafana": {"grafana.ini": {"server": {"domains": "x"}}}},
            r"grafana.grafana\.ini.server.domain",
        ),
        ("cert-manager", {"webhook": {"replicas": 2}}, "did you mean webhook.replicaCount?"),
        ("cert-manager", {"retention": "1d"}, "the chart has "),
        ("minio", {"persistence": True}, "persistence: True, where the chart has a mapping of "),
    ],
)
def test_a_key_that_a_chart_would_ignore_is_named_with_the_nearest_right_one(package, wrong, told):
    (found,) = ignored(wrong, catalog()[package].lock.known)
    assert told in str(found)


@pytest.mark.parametrize(
    ("package", "right"),
    [
        ("istiod", {"meshConfig": {"accessLogFile": "/dev/stdout"}}),
        ("rook-ceph-cluster", {"cephClusterSpec": {"placement": {"all": {}}}}),
        ("seaweedfs", {"s3": {"createBuckets": [{"name": "models"}]}}),
        (
            "ceph-csi-drivers",
            {"operatorConfig": {"driverSpecDefaults": {"controllerPlugin": {"priorityClassName": "a"}}}},
        ),
        ("kube-prometheus-stack", {"prometheus": {"prometheusSpec": {"nodeSelector": {"a": "b"}}}}),
        ("cert-manager", {"image": None}),
    ],
)
def test_a_key_that_only_templates_show_is_known(package, right):
    assert ignored(right, catalog()[package].lock.known) == []


names = st.text("ab.-_/$1", min_size=1, max_size=4)
trees = st.recursive(
    st.sampled_from(["value", "list", "any"]),
    lambda inner: st.dictionaries(names, inner, min_size=1, max_size=3),
    max_leaves=8,
).filter(lambda tree: isinstance(tree, dict))


@given(trees)
def test_known_keys_survive_being_written_down(tree):
    assert known(written(tree)) == tree


@given(trees)
def test_a_key_beside_the_known_ones_is_always_refused(tree):
    (found,) = ignored({"elsewhere": 1}, tree)
    assert found.path == ("elsewhere",)
