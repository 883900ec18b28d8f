"""Istio comes up in order, and its nodes can be drained."""

import pytest

from cnai.catalog import catalog, merged
from cnai.clouds.traits import ClusterTraits
from cnai.network.istio.component import Istio, IstioArgs, gateway_values, istiod_values

TRAITS = ClusterTraits(kubernetes_version="1.36", storage_class="any", load_balancer="cloud")


@pytest.mark.parametrize("replicas", [1, 2, 9])
def test_a_single_replica_has_no_budget_that_keeps_its_node_from_being_drained(replicas):
    args = IstioArgs(traits=TRAITS, replicas=replicas)
    istiod, gateway = istiod_values(args), gateway_values(args)
    assert istiod["global"]["defaultPodDisruptionBudget"]["enabled"] is (replicas > 1)
    assert ("podDisruptionBudget" in gateway) is (replicas > 1)


@pytest.mark.parametrize("replicas", [1, 2, 9])
def test_autoscaling_starts_from_what_was_asked_for(replicas):
    args = IstioArgs(traits=TRAITS, replicas=replicas)
    istiod, gateway = istiod_values(args), gateway_values(args)["autoscaling"]
    assert istiod["autoscaleEnabled"] is gateway["enabled"] is (replicas > 1)
    assert istiod["autoscaleMin"] == gateway["minReplicas"] == replicas
    assert istiod["autoscaleMax"] == gateway["maxReplicas"] >= replicas


def test_the_mesh_runs_the_release_that_the_catalog_names_whatever_the_chart_was_built_from():
    package = catalog()["istiod"]
    images = merged(package.base_values, istiod_values(IstioArgs(traits=TRAITS)))["global"]
    assert f"{images['hub']}/pilot:{images['tag']}" in package.images
    assert images["tag"] == package.version


def test_crds_come_before_the_control_plane_and_that_before_the_gateway(declared):
    found = {each.name: each for each in declared(lambda: Istio("istio", IstioArgs(traits=TRAITS)))}
    assert found["istio-base"].key in found["istio-istiod"].options["dependsOn"]
    assert found["istio-istiod"].key in found["istio-gateway"].options["dependsOn"]


def test_the_gateway_has_a_namespace_of_its_own(declared):
    found = {each.name: each for each in declared(lambda: Istio("istio", IstioArgs(traits=TRAITS)))}
    assert found["istio-base"].inputs["namespace"] == found["istio-istiod"].inputs["namespace"] == "istio-system"
    assert found["istio-gateway"].inputs["namespace"] == "istio-ingress"


def test_nothing_in_the_mesh_takes_clear_text(declared):
    found = {each.name: each for each in declared(lambda: Istio("istio", IstioArgs(traits=TRAITS)))}
    strict = found["istio-mutual-tls"]
    assert strict.inputs["metadata"] == {"name": "default", "namespace": found["istio-istiod"].inputs["namespace"]}
    assert strict.inputs["spec"] == {"mtls": {"mode": "STRICT"}}
    assert found["istio-istiod"].key in strict.options["dependsOn"]
