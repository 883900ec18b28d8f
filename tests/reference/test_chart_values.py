"""Values are what the charts' own schemas allow, of the version that is pinned; none of them is a password."""

import json

import jsonschema
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from cnai.catalog import catalog, merged
from declared_values import COMPUTED, values_of

pytestmark = pytest.mark.reference

SCHEMAS = {"cert-manager", "istio-gateway", "metallb"}
"""Those with a `values.schema.json`."""


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
