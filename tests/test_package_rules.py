"""What a stack file says of packages is judged before anything exists, by their locks and not by their charts."""

from dataclasses import replace

import pytest

from cnai.catalog import catalog
from cnai.environment import Environment, packages
from cnai.errors import UserError

BASE = {"cnai:cloud": {"local": {}}, "cnai:pools": {"system": {"min": 1, "max": 1}}}


def stack(**features):
    return BASE | {"cnai:features": features}


def refused(**features):
    with pytest.raises(UserError) as refusal:
        Environment.load("demo", stack(**features))
    return str(refusal.value).splitlines()


def test_a_value_that_the_chart_does_not_know_is_refused_with_the_nearest_right_one():
    (line,) = refused(cert_manager={"values": {"webhook": {"replicas": 2}}})
    version = catalog()["cert-manager"].version
    assert line == (
        f"cnai:features.cert_manager.values.webhook.replicas: cert-manager {version}: the chart has no such value: "
        "did you mean webhook.replicaCount?"
    )


def test_where_a_feature_has_several_charts_the_value_is_judged_by_its_own():
    (line,) = refused(mesh={"istio": {"values": {"istiod": {"meshConfigs": {}}, "istio-gateway": {"replicaCount": 3}}}})
    assert line.startswith("cnai:features.mesh.istio.values.istiod.meshConfigs: istiod ")
    assert "did you mean meshConfig?" in line
    (line,) = refused(mesh={"istio": {"values": {"istiod": 3}}})
    assert "give a mapping of values for the chart of istiod" in line


def test_values_that_the_chart_knows_pass():
    given = {"values": {"istiod": {"meshConfig": {"accessLogFile": "/dev/stdout"}}}}
    assert "istio" in Environment.load("demo", stack(mesh={"istio": given})).features


def test_what_upstream_no_longer_fixes_is_installed_only_where_somebody_says_why():
    (line,) = refused(object_store="minio")
    assert "minio is end-of-life: Upstream archived the repository" in line
    assert "Use seaweedfs, or say under accept_end_of_life why" in line
    accepted = Environment.load("demo", stack(object_store={"minio": {"accept_end_of_life": "a test"}}))
    assert "minio" in accepted.packages


def test_a_risk_that_is_none_is_not_to_be_accepted():
    (line,) = refused(cert_manager={"accept_end_of_life": "just in case"})
    assert line == "cnai:features.cert_manager.accept_end_of_life: nothing of it is end-of-life: remove the line"


def test_a_lock_of_another_version_is_refused_and_judges_no_values(monkeypatch):
    newer = dict(catalog()) | {"cert-manager": replace(catalog()["cert-manager"], version="v9.9.9")}
    monkeypatch.setattr(packages, "catalog", lambda: newer)
    (line,) = refused(cert_manager={"values": {"nonsense": 1}})
    assert "cert-manager is of version v9.9.9, and its lock of v" in line
    assert "run `cnai catalog lock cert-manager`" in line
