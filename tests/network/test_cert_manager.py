"""cert-manager is as available as its cluster is dear."""

import pytest

from cnai.clouds.traits import ClusterTraits
from cnai.network.cert_manager.component import CertManagerArgs, chart_values

DISPOSABLE = ClusterTraits(kubernetes_version="1.36", storage_class="any", load_balancer="simulated", disposable=True)
LASTING = ClusterTraits(kubernetes_version="1.36", storage_class="any", load_balancer="cloud")


def parts(values):
    return [values, values["webhook"], values["cainjector"]]


@pytest.mark.parametrize(
    ("traits", "given", "replicas"), [(DISPOSABLE, None, 1), (LASTING, None, 2), (LASTING, 3, 3), (DISPOSABLE, 2, 2)]
)
def test_every_part_has_as_many_replicas_and_a_budget_only_from_two(traits, given, replicas):
    for part in parts(chart_values(CertManagerArgs(traits=traits, replicas=given))):
        assert part["replicaCount"] == replicas
        assert part["podDisruptionBudget"]["enabled"] is (replicas > 1)


def test_every_part_stays_on_system_nodes():
    traits = ClusterTraits(
        kubernetes_version="1.36", storage_class="any", load_balancer="cloud", system_selector={"pool": "system"}
    )
    values = chart_values(CertManagerArgs(traits=traits))
    for part in (*parts(values), values["startupapicheck"]):
        assert part["nodeSelector"] == {"pool": "system"}


def test_a_part_of_the_chart_can_be_overridden_alone():
    values = chart_values(CertManagerArgs(traits=LASTING, values={"webhook": {"replicaCount": 5}}))
    assert [part["replicaCount"] for part in parts(values)] == [2, 5, 2]


def test_no_replicas_are_refused():
    with pytest.raises(ValueError, match="replicas: give at least 1"):
        CertManagerArgs(traits=LASTING, replicas=0)
