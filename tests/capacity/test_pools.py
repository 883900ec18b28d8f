"""Pools as components: what a program of one's own writes."""

from dataclasses import fields
from types import SimpleNamespace

import pytest

from cnai.capacity.pools import GpuPool, GpuPoolArgs, NodePool, NodePoolArgs, args_of, pool_plan
from cnai.clouds.local.cluster import LocalCluster, LocalClusterArgs, local_traits
from cnai.clouds.machines import PoolError, machines
from cnai.clouds.pools import PoolPlan, Route, Sharing, Taint


@pytest.fixture
def somewhere():
    """As much of a cluster as planning asks for."""
    return SimpleNamespace(cloud="local", traits=local_traits(LocalClusterArgs(environment="demo")))


def test_a_gpu_pool_is_planned_from_its_accelerator_and_spread_over_all_zones(somewhere):
    plan = pool_plan("h100", GpuPoolArgs(cluster=somewhere, accelerator="H100", max=4))
    assert (plan.machine.name, plan.gpus_per_node, plan.zones) == ("h100-8", 8, ("local-a", "local-b", "local-c"))


def test_a_gpu_pool_without_gpus_is_refused(somewhere):
    with pytest.raises(PoolError, match="NodePool"):
        pool_plan("gpu", GpuPoolArgs(cluster=somewhere, machine="cpu-8"))


@pytest.mark.parametrize(("low", "high"), [(3, 2), (-1, 2)])
def test_sizes_out_of_order_are_refused(somewhere, low, high):
    with pytest.raises(PoolError) as refused:
        pool_plan("cpu", NodePoolArgs(cluster=somewhere, min=low, max=high))
    assert refused.value.field == "min"


def test_a_plan_made_into_args_plans_the_same_again(somewhere):
    args = GpuPoolArgs(
        cluster=somewhere,
        accelerator="A100",
        min=1,
        max=3,
        capacity=(Route(kind="spot"),),
        zones=("local-b",),
        labels={"tier": "gold"},
        taints=(Taint(key="team", value="a"),),
        sharing=Sharing(time_slices=2),
    )
    plan = pool_plan("a100", args)
    assert pool_plan("a100", args_of(somewhere, plan)) == plan


def test_no_part_of_a_plan_is_lost_on_its_way_through_args():
    """What an environment plans is handed to clouds through args."""
    gcp = SimpleNamespace(cloud="gcp", traits=local_traits(LocalClusterArgs(environment="demo")))
    common = {
        "min": 1,
        "max": 4,
        "routes": (Route(kind="reserved", id="r", zone="us-central1-a"),),
        "zones": ("us-central1-a",),
        "labels": {"tier": "gold"},
        "taints": (Taint(key="team", value="a"),),
        "placement": "compact",
        "node_selector": {"pool": "gold"},
        "route_taints": (Taint(key="queued", value="true"),),
    }
    tpu = PoolPlan(name="tpu", machine=machines("gcp")["ct6e-standard-4t"], topology="2x4", **common)
    gpu = PoolPlan(
        name="gpu", machine=machines("gcp")["a3-ultragpu-8g"], sharing=Sharing(time_slices=2), fabric="roce", **common
    )
    cpu = PoolPlan(name="cpu", machine=machines("gcp")["e2-standard-8"], **common)
    untouched = {each.name for each in fields(PoolPlan)} - {"name", "machine", *common, "sharing", "fabric", "topology"}
    assert not untouched, "a new field of a plan needs a place in the args of pools"
    assert [pool_plan(each.name, args_of(gcp, each)) for each in (tpu, gpu, cpu)] == [tpu, gpu, cpu]


def test_pods_learn_from_a_pool_how_to_get_there(declared):
    made = {}

    def program():
        cluster = LocalCluster("cluster", LocalClusterArgs(environment="demo"))
        made["gpu"] = GpuPool("h100", GpuPoolArgs(cluster=cluster, accelerator="H100", min=1))
        made["cpu"] = NodePool("system", NodePoolArgs(cluster=cluster, min=2, max=2))

    nodes = [r for r in declared(program) if r.type == "kubernetes:core/v1:Node"]
    assert sorted((node.parent, node.name) for node in nodes) == [
        ("cnai:capacity:GpuPool::h100", "h100-0"),
        ("cnai:capacity:NodePool::system", "system-0"),
        ("cnai:capacity:NodePool::system", "system-1"),
    ]
    assert made["gpu"].selector == {"cnai.dev/pool": "h100"}
    assert [toleration["key"] for toleration in made["gpu"].tolerations] == ["nvidia.com/gpu"]
    assert made["cpu"].tolerations == []
    assert {node.options["provider"] for node in nodes} == {"pulumi:providers:kubernetes::cluster-kubernetes"}
