"""A simulated node is what the pool's machine would register as."""

import dataclasses
from decimal import Decimal
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from cnai.clouds.kubelet import conventions, reserved_mib, reserved_millicores
from cnai.clouds.machines import PoolError, machines
from cnai.clouds.nodes import Registration, manifest, node_manifest
from cnai.clouds.pools import PoolPlan, Route, Sharing, Taint
from cnai.quantities import amount

LOCAL = machines("local")


def pool(machine="h100-8", **facts) -> PoolPlan:
    return PoolPlan(name="gpu", machine=LOCAL[machine], min=1, max=2, zones=("a", "b", "c"), **facts)


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
        total, left = amount(status["capacity"][resource]), amount(status["allocatable"][resource])
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


def registered(cloud: str, machine: str, **facts: Any) -> dict[str, Any]:
    found = {"name": "pool-0", "group": "pool", "region": "r-1", "zone": "r-1a", **facts}
    return manifest(Registration(machine=machines(cloud)[machine], cloud=cloud, **found))


@pytest.mark.parametrize(
    ("cloud", "machine", "facts", "provider", "labels"),
    [
        (
            "aws",
            "p5.48xlarge",
            {"capacity": "block"},
            "aws:///r-1a/i-",
            {"eks.amazonaws.com/nodegroup": "pool", "eks.amazonaws.com/capacityType": "CAPACITY_BLOCK"},
        ),
        (
            "gcp",
            "a3-highgpu-8g",
            {"capacity": "spot", "accelerator": "nvidia-h100-80gb"},
            "gce://simulated/r-1a/pool-0",
            {
                "cloud.google.com/gke-nodepool": "pool",
                "cloud.google.com/gke-spot": "true",
                "cloud.google.com/gke-accelerator": "nvidia-h100-80gb",
            },
        ),
        (
            "gcp",
            "ct6e-standard-4t",
            {"topology": "4x4"},
            "gce://simulated/r-1a/pool-0",
            {
                "cloud.google.com/gke-tpu-accelerator": "tpu-v6e-slice",
                "cloud.google.com/gke-tpu-topology": "4x4",
            },
        ),
        (
            "azure",
            "Standard_ND96isr_H100_v5",
            {"capacity": "spot"},
            "azure:///subscriptions/",
            {
                "kubernetes.azure.com/agentpool": "pool",
                "kubernetes.azure.com/scalesetpriority": "spot",
                "kubernetes.azure.com/accelerator": "nvidia",
            },
        ),
    ],
)
def test_each_clouds_nodes_are_known_by_its_own_ids_and_labels(cloud, machine, facts, provider, labels):
    node = registered(cloud, machine, **facts)
    assert node["spec"]["providerID"].startswith(provider)
    assert labels.items() <= node["metadata"]["labels"].items()
    assert "karpenter.sh/capacity-type" not in node["metadata"]["labels"]


def test_a_label_whose_word_is_not_known_is_left_out():
    assert "cloud.google.com/gke-accelerator" not in registered("gcp", "a3-highgpu-8g")["metadata"]["labels"]


@pytest.mark.parametrize(
    ("cloud", "vcpu", "millicores"),
    [("aws", 4, 80), ("aws", 96, 310), ("gcp", 16, 110), ("azure", 2, 100), ("azure", 8, 180), ("azure", 64, 740)],
)
def test_reserved_cpu_is_what_the_clouds_document(cloud, vcpu, millicores):
    assert reserved_millicores(vcpu, conventions(cloud)["reserved"]) == millicores


def test_reserved_memory_is_by_tiers_on_google_and_by_pods_elsewhere():
    small = dataclasses.replace(LOCAL["cpu-8"], memory_gib=16, max_pods=110)
    assert reserved_mib(small, conventions("gcp")["reserved"]) == 2663  # 1 GiB + 0.8 GiB + 0.8 GiB
    assert reserved_mib(small, conventions("aws")["reserved"]) == 255 + 11 * 110
    assert reserved_mib(small, conventions("azure")["reserved"]) == 50 + 20 * 110
    tiny = dataclasses.replace(small, memory_gib=4)
    assert reserved_mib(tiny, conventions("azure")["reserved"]) == 1024  # a quarter at most


def test_efa_interfaces_are_published_beside_the_gpus():
    allocatable = registered("aws", "p5.48xlarge")["status"]["allocatable"]
    assert (allocatable["nvidia.com/gpu"], allocatable["vpc.amazonaws.com/efa"]) == ("8", "32")


def test_a_machine_of_another_architecture_says_so():
    arm = next(m.name for m in machines("aws").values() if m.arch == "arm64")
    assert registered("aws", arm)["metadata"]["labels"]["kubernetes.io/arch"] == "arm64"
