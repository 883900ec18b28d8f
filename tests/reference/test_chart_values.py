"""Every key that we set is one that the chart has, whatever the cluster and the arguments."""

import json

import jsonschema
import pytest
from accepted import unknown
from declared_values import COMPUTED, values_of
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from cnai.catalog import catalog, merged

pytestmark = pytest.mark.reference

COMMENTED = {
    ("rook-ceph-cluster", "cephClusterSpec.placement"),
    ("rook-ceph-cluster", "cephClusterSpec.storage.deviceFilter"),
    ("seaweedfs", "s3.createBuckets"),
}
"""Keys that a chart reads but shows in its values only as a comment."""
READ_UNSEEN = {
    ("ceph-csi-drivers", "operatorConfig.driverSpecDefaults.controllerPlugin.priorityClassName"),
    ("minio", "makeBucketJob.containerSecurityContext"),
}
"""Keys that a chart's templates read and its values never show; Rook's own values for that chart have the first."""
SCHEMAS = {"cert-manager", "istio-gateway", "metallb"}
"""Those with a `values.schema.json`."""


def test_every_package_of_the_catalog_is_checked_here():
    assert set(COMPUTED) == set(catalog())


@pytest.mark.parametrize("package", COMPUTED)
@settings(max_examples=40, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(data=st.data())
def test_no_chart_ignores_a_value_that_we_set(package, upstream, data):
    theirs = upstream.values(package)
    ours = data.draw(values_of(package))
    found = [path for path in unknown(ours, theirs) if (package, path) not in COMMENTED | READ_UNSEEN]
    assert found == []


@pytest.mark.parametrize(("package", "path"), sorted(COMMENTED))
def test_a_key_shown_only_as_a_comment_is_still_shown(package, path, upstream):
    assert f"# {path.rpartition('.')[2]}:" in upstream.text(package)


def test_these_charts_have_a_schema(upstream):
    assert {package for package in COMPUTED if upstream.schema(package)} == SCHEMAS


@pytest.mark.parametrize("package", sorted(SCHEMAS))
@settings(max_examples=25, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(data=st.data())
def test_values_are_what_the_charts_own_schema_allows(package, upstream, data):
    """Over the chart's own, as Helm asks: what a schema requires may stand there alone."""
    validator = jsonschema.Draft202012Validator(upstream.schema(package))
    values = merged(upstream.values(package), data.draw(values_of(package)))
    assert [error.message for error in validator.iter_errors(values)] == []


@pytest.mark.parametrize(
    ("package", "wrong", "path"),
    [
        ("gpu-operator", {"driver": {"enable": True}}, "driver.enable"),
        (
            "gpu-operator",
            {"node-feature-discovery": {"master": {"replicas": 1}}},
            "node-feature-discovery.master.replicas",
        ),
        ("istiod", {"pilot": {"autoscaleEnabled": True}}, "pilot"),
        ("kube-prometheus-stack", {"grafana": {"admin": {"secret": "x"}}}, "grafana.admin.secret"),
        ("cert-manager", {"webhook": {"replicas": 2}}, "webhook.replicas"),
    ],
)
def test_a_key_that_a_chart_would_ignore_is_found(package, wrong, path, upstream):
    assert list(unknown(wrong, upstream.values(package))) == [path]


@pytest.mark.parametrize("package", sorted(catalog()))
def test_the_pinned_version_is_the_one_that_was_read(package, upstream):
    row = upstream.chart_of(catalog()[package])
    read = row["effective_version"] or row["version"]
    assert catalog()[package].version == read
    assert catalog()[package].source.chart == row["chart"]


def test_no_values_hold_a_password(upstream):
    """Even where one is given: it goes into a Secret, and values name that."""
    from cnai.clouds.traits import ClusterTraits
    from cnai.observability.monitoring import component as monitoring
    from cnai.storage.minio.component import MinIO, MinIOArgs
    from cnai.storage.seaweedfs.component import SeaweedFS, SeaweedFSArgs

    cluster = ClusterTraits(kubernetes_version="1.36", storage_class="gp3", load_balancer="cloud")
    told = [
        monitoring.chart_values(monitoring.MonitoringArgs(traits=cluster, grafana_admin_password="hunter2")),
        *(
            store.values(args(traits=cluster, root_password="hunter2"))
            for store, args in ((MinIO, MinIOArgs), (SeaweedFS, SeaweedFSArgs))
        ),
    ]
    assert "hunter2" not in json.dumps(told)
