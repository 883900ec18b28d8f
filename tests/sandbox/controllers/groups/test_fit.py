"""A pod fits a node where the scheduler would place it."""

from decimal import Decimal

import pytest
from group_samples import group, node, pod

from cnai.sandbox.controllers.groups import facts
from cnai.sandbox.controllers.groups.fit import misfit

H100 = group()
NODE = node(H100)


def affinity(*expressions: dict) -> dict:
    terms = [{"matchExpressions": [expression]} for expression in expressions]
    return {"nodeAffinity": {"requiredDuringSchedulingIgnoredDuringExecution": {"nodeSelectorTerms": terms}}}


def refusal(**spec) -> str:
    return misfit(pod("p", **spec), NODE, NODE.allocatable)


def test_a_pod_that_asks_for_what_the_node_has_fits():
    assert refusal() == ""


@pytest.mark.parametrize(
    ("spec", "words"),
    [
        ({"gpus": 9}, "Insufficient nvidia.com/gpu"),
        ({"tolerations": []}, "node(s) had untolerated taint(s)"),
        ({"tolerations": [{"key": "nvidia.com/gpu", "value": "absent"}]}, "node(s) had untolerated taint(s)"),
        ({"nodeSelector": {"cnai.dev/pool": "a100"}}, "node(s) didn't match Pod's node affinity/selector"),
    ],
)
def test_what_keeps_a_pod_away_is_said_in_the_schedulers_words(spec, words):
    assert refusal(**spec) == words


@pytest.mark.parametrize(
    ("expression", "fits"),
    [
        ({"operator": "In", "values": ["local-a"]}, True),
        ({"operator": "In", "values": ["local-b"]}, False),
        ({"operator": "NotIn", "values": ["local-b"]}, True),
        ({"operator": "Exists"}, True),
        ({"operator": "DoesNotExist"}, False),
    ],
)
def test_required_node_affinity_counts(expression, fits):
    zone = {"key": "topology.kubernetes.io/zone", **expression}
    assert (refusal(affinity=affinity(zone)) == "") == fits


@pytest.mark.parametrize(("operator", "value", "fits"), [("Gt", "7", True), ("Gt", "8", False), ("Lt", "9", True)])
def test_numbers_are_compared_as_numbers(operator, value, fits):
    expression = {"key": "nvidia.com/gpu.count", "operator": operator, "values": [value]}
    assert (refusal(affinity=affinity(expression)) == "") == fits


def test_one_term_of_the_affinity_is_enough_and_an_empty_one_matches_nothing():
    other = {"key": "no", "operator": "Exists"}
    assert refusal(affinity=affinity(other, {"key": "kubernetes.io/os", "operator": "Exists"})) == ""
    required = {"requiredDuringSchedulingIgnoredDuringExecution": {"nodeSelectorTerms": [{}]}}
    assert refusal(affinity={"nodeAffinity": required}) != ""


def test_a_node_has_room_for_so_many_pods_and_no_more():
    assert misfit(pod("p"), NODE, {**NODE.allocatable, "pods": Decimal(0)}) == "Too many pods"


def test_what_a_pod_asks_for_is_its_containers_or_its_largest_init_container():
    def container(cpu: str, **more) -> dict:
        return {"resources": {"requests": {"cpu": cpu}}, **more}

    spec = {
        "containers": [container("1"), container("500m")],
        "initContainers": [container("4"), container("250m", restartPolicy="Always")],
        "overhead": {"cpu": "100m"},
    }
    assert facts.requests(spec) == {"cpu": Decimal("4.1"), "pods": Decimal(1)}
    spec["initContainers"][0]["resources"]["requests"]["cpu"] = "1"
    assert facts.requests(spec)["cpu"] == Decimal("1.85")
