"""What Karpenter is told: which machines, by which way first, how many, and nothing that a group has already."""

from dataclasses import replace

import aws_samples as samples
import pytest

from cnai.clouds.aws.nodepools import NodeClassArgs, disruption, node_class, node_pool, static_pool
from cnai.clouds.aws.routes import floor, group_routes, karpenter_routes, node_labels, route_name, wrong_pools
from cnai.clouds.pools import Route, Taint

ARGS = NodeClassArgs(role="nodes", image_release="1.36.2-20260714", cluster="prod", tags={"team": "platform"})
CAPACITY, ZONE = "karpenter.sh/capacity-type", "topology.kubernetes.io/zone"


def wants(spec):
    return {each["key"]: each["values"] for each in spec["template"]["spec"]["requirements"]}


@pytest.mark.parametrize("plan", samples.POOLS.values(), ids=list(samples.POOLS))
def test_every_route_is_either_a_groups_or_karpenters(plan):
    groups, pools = group_routes(plan), karpenter_routes(plan)
    assert set(groups) | set(pools) == set(plan.routes)
    assert not set(groups) & set(pools)
    assert all(route.kind == "block" for route in groups) or plan.name == "system"
    assert not any(route.kind == "block" for route in pools)


def test_the_system_pool_is_never_karpenters():
    assert karpenter_routes(samples.SYSTEM) == ()


def test_routes_are_tried_in_the_pools_order():
    weights = [node_pool(samples.L4, route)["weight"] for route in samples.L4.routes]
    assert weights == sorted(weights, reverse=True)
    assert len(set(weights)) == len(weights)
    many = replace(samples.CPU, routes=tuple(Route(kind="reserved", id=f"cr-{i}") for i in range(15)))
    assert all(1 <= node_pool(many, route)["weight"] <= 100 for route in many.routes)


def test_a_node_pool_asks_for_one_machine_by_one_way_in_its_zones():
    spec = node_pool(samples.H100, samples.NAMED)
    assert wants(spec) == {
        "node.kubernetes.io/instance-type": ["p5.48xlarge"],
        "kubernetes.io/arch": ["amd64"],
        "kubernetes.io/os": ["linux"],
        CAPACITY: ["reserved"],
        ZONE: ["us-east-1b"],
    }
    assert wants(node_pool(samples.H100, samples.ON_DEMAND))[ZONE] == list(samples.H100.zones)
    assert wants(node_pool(samples.CPU, samples.ON_DEMAND))["kubernetes.io/arch"] == ["arm64"]


def test_karpenter_may_add_what_is_missing_from_min_to_max():
    assert node_pool(samples.H100, samples.NAMED)["limits"] == {
        "nodes": "28",
        "cpu": str(28 * 192),
        "nvidia.com/gpu": str(28 * 8),
    }
    assert node_pool(samples.CPU, samples.ON_DEMAND)["limits"] == {"nodes": "10", "cpu": "160"}


def test_limits_count_real_gpus_not_shares():
    assert node_pool(samples.L4, samples.SPOT)["limits"]["nvidia.com/gpu"] == str(18 * 4)


def test_a_min_is_kept_by_a_static_pool_of_every_route():
    spec = static_pool(samples.L4)
    assert spec["replicas"] == 2
    assert spec["limits"] == {"nodes": "3"}
    assert "weight" not in spec, "upstream refuses it"
    assert wants(spec)[CAPACITY] == ["spot", "on-demand"]


def test_a_block_carries_the_min_and_karpenter_only_what_comes_on_top():
    assert floor(samples.H100) == 0
    assert floor(samples.L4) == 2


def test_nodes_carry_the_pools_labels_and_how_they_were_had():
    assert node_labels(samples.CPU, samples.ON_DEMAND) == {
        "tier": "data",
        "cnai.dev/pool": "cpu",
        "cnai.dev/capacity": "on-demand",
    }
    assert "cnai.dev/capacity" not in node_labels(samples.L4, *samples.L4.routes)


def test_sharing_is_told_to_the_gpu_operator():
    assert node_labels(samples.L4, samples.SPOT)["nvidia.com/device-plugin.config"] == "time-slices-4"
    assert node_labels(samples.MIG, samples.RESERVED)["nvidia.com/mig.config"] == "all-1g.5gb"


def test_taints_keep_others_off_and_an_empty_value_stays_out():
    plan = replace(samples.H100, taints=(Taint(key="dedicated"),))
    assert node_pool(plan, samples.ON_DEMAND)["template"]["spec"]["taints"] == [
        {"key": "nvidia.com/gpu", "value": "present", "effect": "NoSchedule"},
        {"key": "dedicated", "effect": "NoSchedule"},
    ]
    assert "taints" not in node_pool(samples.CPU, samples.ON_DEMAND)["template"]["spec"]


def test_a_training_job_is_not_moved_to_save_a_node():
    assert disruption(samples.H100)["consolidationPolicy"] == "WhenEmpty"
    assert disruption(samples.CPU)["consolidationPolicy"] == "WhenEmptyOrUnderutilized"
    assert node_pool(samples.H100, samples.ON_DEMAND)["template"]["spec"]["expireAfter"] == "Never"
    assert node_pool(samples.CPU, samples.ON_DEMAND)["template"]["spec"]["expireAfter"] == "720h"


@pytest.mark.parametrize(
    ("route", "terms"),
    [
        (samples.NAMED, [{"id": "cr-4d5e6f"}]),
        (samples.RESERVED, [{"instanceMatchCriteria": "open"}, {"tags": {"cnai.dev/pool": "h100"}}]),
        (samples.ON_DEMAND, None),
        (samples.SPOT, None),
    ],
)
def test_reservations_are_selected_where_the_route_is_one(route, terms):
    assert node_class(ARGS, samples.H100, route).get("capacityReservationSelectorTerms") == terms


def test_a_node_class_finds_image_subnets_and_groups():
    spec = node_class(ARGS, samples.H100, samples.ON_DEMAND)
    assert spec["amiSelectorTerms"] == [{"alias": "al2023@v20260714"}]
    assert [each["tags"]["Name"] for each in spec["subnetSelectorTerms"]] == [
        f"prod-private-us-east-1{zone}" for zone in "abc"
    ]
    assert spec["securityGroupSelectorTerms"] == [
        {"tags": {"aws:eks:cluster-name": "prod"}},
        {"tags": {"Name": "prod-efa"}},
    ]
    assert spec["tags"] == {"team": "platform", "cnai.dev/pool": "h100"}
    assert len(spec["networkInterfaces"]) == 33
    assert spec["instanceStorePolicy"] == "RAID0"
    assert spec["blockDeviceMappings"][0]["ebs"]["encrypted"] is True
    assert spec["metadataOptions"]["httpTokens"] == "required"
    assert spec["kubelet"] == {"maxPods": 110}


def test_a_plain_node_class_has_neither_fabric_nor_local_disks_nor_placement():
    spec = node_class(ARGS, samples.CPU, samples.ON_DEMAND)
    assert not {"networkInterfaces", "instanceStorePolicy", "placementGroupSelector"} & set(spec)
    assert spec["securityGroupSelectorTerms"] == [{"tags": {"aws:eks:cluster-name": "prod"}}]
    assert node_class(ARGS, samples.NEAR, samples.ON_DEMAND, placement="near")["placementGroupSelector"] == {
        "name": "near"
    }


def test_names_tell_two_reservations_apart():
    assert route_name(samples.H100, samples.NAMED) == "h100-reserved-cr-4d5e6f"
    assert route_name(samples.H100, samples.ON_DEMAND) == "h100-on-demand"


@pytest.mark.parametrize(
    ("plan", "key", "says"),
    [
        (replace(samples.SYSTEM, routes=(samples.SPOT, samples.ON_DEMAND)), "capacity", "has one route"),
        (replace(samples.SYSTEM, routes=(samples.BLOCK,)), "capacity", "has one route"),
        (replace(samples.H100, routes=(samples.BLOCK, replace(samples.BLOCK, id="cr-2"))), "capacity", "each block"),
        (replace(samples.CPU, placement="compact"), "zones", "a cluster placement group is in one zone"),
    ],
)
def test_pools_that_aws_cannot_make_are_refused(plan, key, says):
    ((where, text),) = wrong_pools([plan])
    assert where == (plan.name, key)
    assert says in text


def test_what_aws_can_make_is_not_refused():
    assert list(wrong_pools(samples.POOLS.values())) == []
