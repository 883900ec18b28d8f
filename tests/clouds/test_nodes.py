"""A simulated node is what the pool's machine would register as."""

from decimal import Decimal

import pytest
from hypothesis import given
from hypothesis import strategies as st

from cnai.clouds.kubelet import conventions, reserved_millicores
from cnai.clouds.machines import PoolError, machines
from cnai.clouds.nodes import node_manifest
from cnai.clouds.pools import PoolPlan, Route, Sharing, Taint

LOCAL = machines("local")


def pool(machine="h100-8", **facts) -> PoolPlan:
    return PoolPlan(name="gpu", machine=LOCAL[machine], min=1, max=2, zones=("a", "b", "c"), **facts)


def quantity(text: str) -> Decimal:
    for suffix, factor in (("Gi", 2**30), ("Mi", 2**20), ("m", Decimal("0.001"))):
        if text.endswith(suffix):
            return Decimal(text.removesuffix(suffix)) * factor
    return Decimal(text)


def test_a_gpu_node_carries_what_gpu_feature_discovery_would_write_and_nvidias_taint():
    node = node_manifest(pool(), 0, region="here")
    labels = node["metadata"]["labels"]
    assert labels["nvidia.com/gpu.product"] == "NVIDIA-H100-80GB-HBM3"
    assert (labels["nvidia.com/gpu.count"], labels["nvidia.com/gpu.memory"]) == ("8", "81559")
    assert labels["nvidia.com/gpu.present"] == "true"
    assert node["status"]["allocatable"]["nvidia.com/gpu"] == "8"
    assert node["spec"]["taints"] == [{"key": "nvidia.com/gpu", "value": "present", "effect": "NoSchedule"}]


def test_a_cpu_node_has_no_taint_and_nothing_of_nvidia():
    node = node_manifest(pool("cpu-8"), 0, region="here")
    assert "taints" not in node["spec"]
    assert not [key for key in node["metadata"]["labels"] if "nvidia" in key or "10de" in key]
    assert "nvidia.com/gpu" not in node["status"]["capacity"]


def test_the_nodes_of_a_pool_take_turns_over_its_zones():
    zones = [
        node_manifest(pool(), i, region="r")["metadata"]["labels"]["topology.kubernetes.io/zone"] for i in range(4)
    ]
    assert zones == ["a", "b", "c", "a"]


def test_a_node_says_by_which_route_it_came():
    plan = pool(routes=(Route(kind="spot"), Route(kind="on-demand")))
    assert node_manifest(plan, 0, region="r")["metadata"]["labels"]["cnai.dev/capacity"] == "spot"
    later = node_manifest(plan, 0, region="r", route=plan.routes[1])["metadata"]["labels"]
    assert (later["cnai.dev/capacity"], later["karpenter.sh/capacity-type"]) == ("on-demand", "on-demand")


def test_a_capacity_block_is_no_capacity_type_of_karpenters():
    labels = node_manifest(pool(routes=(Route(kind="block", id="cr-1"),)), 0, region="r")["metadata"]["labels"]
    assert labels["cnai.dev/capacity"] == "block"
    assert "karpenter.sh/capacity-type" not in labels


def test_time_slices_multiply_what_pods_can_ask_for_but_not_the_gpus():
    node = node_manifest(pool(sharing=Sharing(time_slices=4)), 0, region="r")
    labels = node["metadata"]["labels"]
    assert node["status"]["capacity"]["nvidia.com/gpu"] == "32"
    assert (labels["nvidia.com/gpu.count"], labels["nvidia.com/gpu.replicas"]) == ("8", "4")
    assert labels["nvidia.com/gpu.product"] == "NVIDIA-H100-80GB-HBM3-SHARED"


def test_mig_instances_take_the_place_of_gpus():
    node = node_manifest(pool(sharing=Sharing(mig="1g.10gb")), 0, region="r")
    labels = node["metadata"]["labels"]
    assert node["status"]["allocatable"]["nvidia.com/gpu"] == labels["nvidia.com/gpu.count"] == "56"
    assert labels["nvidia.com/gpu.product"] == "NVIDIA-H100-80GB-HBM3-MIG-1g.10gb"
    assert labels["nvidia.com/mig.config"] == "all-1g.10gb"


def test_labels_of_ones_own_never_hide_what_upstream_writes():
    labels = node_manifest(pool(labels={"tier": "gold", "nvidia.com/gpu.count": "1"}), 0, region="r")["metadata"][
        "labels"
    ]
    assert (labels["tier"], labels["nvidia.com/gpu.count"]) == ("gold", "8")


@pytest.mark.parametrize("machine", sorted(LOCAL))
def test_the_kubelet_keeps_something_back_and_leaves_most(machine):
    status = node_manifest(pool(machine), 0, region="r")["status"]
    for resource in ("cpu", "memory", "ephemeral-storage"):
        total, left = quantity(status["capacity"][resource]), quantity(status["allocatable"][resource])
        assert total * Decimal("0.85") < left < total
    assert status["capacity"]["pods"] == status["allocatable"]["pods"]


@given(st.integers(1, 512))
def test_more_cores_never_mean_less_reserved_nor_more_than_a_tenth(vcpu):
    for cloud in ("aws", "gcp", "azure"):
        reserved = conventions(cloud)["reserved"]
        assert reserved_millicores(vcpu, reserved) <= reserved_millicores(vcpu + 1, reserved)
        assert 0 < reserved_millicores(vcpu, reserved) <= vcpu * 100


def test_a_toleration_matches_its_taint():
    assert Taint(key="a", value="b").toleration == {
        "key": "a",
        "operator": "Equal",
        "value": "b",
        "effect": "NoSchedule",
    }
    assert Taint(key="a", effect="NoExecute").toleration == {"key": "a", "operator": "Exists", "effect": "NoExecute"}


@pytest.mark.parametrize(
    ("facts", "field"),
    [
        ({"machine": "cpu-8", "sharing": Sharing(time_slices=2)}, "sharing"),
        ({"machine": "l4-1", "sharing": Sharing(mig="1g.10gb")}, "sharing"),
        ({"fabric": "efa"}, "fabric"),
    ],
)
def test_a_plan_that_its_machine_cannot_keep_is_refused(facts, field):
    with pytest.raises(PoolError) as refused:
        pool(**facts)
    assert refused.value.field == field
