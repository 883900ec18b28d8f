"""Each route of a pool is an agent pool that AKS takes, labelled, tainted and sized as the pool says."""

import inspect

import pytest
import yaml
from azure_samples import A10, H100, POOLS, RESERVATION, SLICED, SYSTEM, pool, settings
from hypothesis import given
from hypothesis import strategies as st
from pulumi_azure_native import containerservice

from cnai.clouds.azure.groups import Surroundings, agent_pool, agent_pool_name, instance_profile, priorities
from cnai.clouds.machines import accelerators, machines
from cnai.clouds.pools import PoolPlan, Route, Sharing, Taint

AROUND = Surroundings(settings=settings(), subnet="nodes")
TYPES = (containerservice.AgentPoolArgs, containerservice.ManagedClusterAgentPoolProfileArgs)


def of(plan, index=0, around=AROUND):
    return agent_pool(plan, plan.routes[index], around)


@pytest.mark.parametrize("kind", TYPES)
@pytest.mark.parametrize("plan", POOLS.values(), ids=list(POOLS))
def test_every_property_is_one_that_the_sdk_knows(kind, plan):
    for index in range(len(plan.routes)):
        assert set(of(plan, index)) <= set(inspect.signature(kind).parameters)


names = st.from_regex(r"[a-z0-9]([-a-z0-9]{0,38}[a-z0-9])?", fullmatch=True)
routes = st.builds(Route, kind=st.sampled_from(["on-demand", "spot", "reserved"]), id=st.text(max_size=3))


@given(st.lists(st.tuples(names, routes), unique=True, max_size=8))
def test_names_are_taken_by_aks_and_tell_pools_and_routes_apart(wanted):
    machine = machines("azure")["Standard_D8ds_v5"]
    made = [
        agent_pool_name(PoolPlan(name=name, machine=machine, min=0, max=1, routes=(route,)), route)
        for name, route in wanted
    ]
    assert all(name.isascii() and name.isalnum() and name.islower() and name[0].isalpha() for name in made)
    assert all(len(name) <= 12 for name in made)
    assert len(set(made)) == len(made)


def test_the_order_of_routes_does_not_rename_an_agent_pool():
    first, *_, last = A10.routes
    turned = pool("a10", "Standard_NV36ads_A10_v5", routes=(last, first))
    assert agent_pool_name(A10, first) == agent_pool_name(turned, first)


def test_only_the_first_route_keeps_the_min_and_each_may_reach_the_max():
    sizes = [(of(A10, i)["min_count"], of(A10, i)["count"], of(A10, i)["max_count"]) for i in range(3)]
    assert sizes == [(1, 1, 4), (0, 0, 4), (0, 0, 4)]


def test_a_pool_of_a_fixed_size_has_no_autoscaler():
    facts = of(SLICED)
    assert (facts["count"], facts["enable_auto_scaling"]) == (2, False)
    assert not {"min_count", "max_count"} & set(facts)


def test_a_later_route_of_a_pool_of_a_fixed_size_comes_and_goes():
    both = pool("a100", "Standard_NC24ads_A100_v4", min=2, max=2, routes=(Route(kind="on-demand"), Route(kind="spot")))
    facts = of(both, 1)
    assert (facts["enable_auto_scaling"], facts["min_count"], facts["max_count"]) == (True, 0, 2)


def test_a_spot_group_says_how_it_is_evicted_and_carries_what_aks_puts_there():
    facts = of(A10, 2)
    assert (facts["scale_set_priority"], facts["scale_set_eviction_policy"], facts["spot_max_price"]) == (
        "Spot",
        "Delete",
        -1,
    )
    assert "kubernetes.azure.com/scalesetpriority=spot:NoSchedule" in facts["node_taints"]
    assert facts["node_labels"]["kubernetes.azure.com/scalesetpriority"] == "spot"
    assert "upgrade_settings" not in facts
    assert not [key for key in of(A10, 1) if key.startswith(("spot", "scale_set"))]


def test_a_reserved_group_draws_from_its_reservation_in_its_zone_alone():
    facts = of(A10)
    assert facts["capacity_reservation_group_id"] == RESERVATION
    assert facts["availability_zones"] == ["1"]
    assert of(A10, 1)["availability_zones"] == ["1", "2", "3"]


def test_gpu_nodes_are_tainted_beside_what_the_pool_itself_says():
    tainted = pool("h", "Standard_ND96isr_H100_v5", taints=(Taint(key="tier", value="gold", effect="NoExecute"),))
    assert of(tainted)["node_taints"] == ["nvidia.com/gpu=present:NoSchedule", "tier=gold:NoExecute"]
    assert "node_taints" not in of(SYSTEM)


def test_labels_say_pool_and_capacity_and_how_gpus_are_shared():
    assert of(SLICED)["node_labels"] == {
        "cnai.dev/pool": "a100",
        "cnai.dev/capacity": "on-demand",
        "nvidia.com/mig.config": "all-1g.10gb",
    }
    shared = pool("t", "Standard_NV36ads_A10_v5", sharing=Sharing(time_slices=4), labels={"a/b": "c"})
    assert of(shared)["node_labels"].items() >= {"nvidia.com/device-plugin.config": "time-slices-4", "a/b": "c"}.items()


@pytest.mark.parametrize(
    ("model", "mig", "word"),
    [
        ("A100-80GB-PCIe", "1g.10gb", "MIG1g"),
        ("A100-80GB-PCIe", "1g.20gb", None),
        ("A100-80GB-PCIe", "7g.80gb", "MIG7g"),
        ("H100-94GB-NVL", "3g.47gb", "MIG3g"),
        ("A100-80GB-PCIe", "", None),
    ],
)
def test_aks_cuts_gpus_itself_where_it_has_a_word_for_the_profile(model, mig, word):
    assert instance_profile(accelerators()[model], mig) == word


def test_every_word_for_a_profile_is_one_of_akss():
    known = {each.value for each in containerservice.GPUInstanceProfile} | {None}
    assert {instance_profile(each, mig) for each in accelerators().values() for mig in each.mig} <= known


@pytest.mark.parametrize(
    ("machine", "driver", "installs"),
    [
        ("Standard_NC24ads_A100_v4", "cloud", "Install"),
        ("Standard_NC24ads_A100_v4", "operator", "None"),
        ("Standard_ND96isr_MI300X_v5", "cloud", "None"),
    ],
)
def test_aks_installs_nvidias_driver_where_it_owns_it_and_never_amds(machine, driver, installs):
    around = Surroundings(settings=settings(gpu_driver=driver), subnet="nodes")
    assert of(pool("x", machine), around=around)["gpu_profile"] == {"driver": installs}


def test_without_akss_driver_the_gpu_operator_cuts_the_gpus():
    around = Surroundings(settings=settings(gpu_driver="operator"), subnet="nodes")
    assert "gpu_instance_profile" not in of(SLICED, around=around)
    assert of(SLICED)["gpu_instance_profile"] == "MIG1g"


def test_gpu_nodes_are_replaced_in_place_and_others_with_a_surge():
    assert of(H100)["upgrade_settings"].items() >= {"max_surge": "0", "max_unavailable": "1"}.items()
    assert of(SYSTEM)["upgrade_settings"]["max_surge"] == "33%"


def test_a_placement_group_is_given_the_choice_of_zone():
    near = Surroundings(settings=settings(), subnet="nodes", placement_group="ppg")
    assert of(H100, around=near)["proximity_placement_group_id"] == "ppg"
    assert "availability_zones" not in of(H100, around=near)
    one = pool("h", "Standard_ND96isr_H100_v5", placement="compact", zones=("eastus2-2",))
    assert of(one, around=near)["availability_zones"] == ["2"]


@pytest.mark.parametrize("machine", machines("azure").values(), ids=list(machines("azure")))
def test_a_nodes_own_disk_fits_onto_the_machines_temporary_disk(machine):
    facts = of(pool("x", machine.name))
    if facts["os_disk_type"] == "Ephemeral":
        assert 128 <= facts["os_disk_size_gb"] <= machine.local_disk_gb * 10**9 / 2**30
    else:
        assert facts["os_disk_size_gb"] == 256


def test_the_autoscaler_prefers_the_first_route_of_each_pool():
    order = yaml.safe_load(priorities(POOLS.values()))
    assert order[100] == sorted(f".*-{agent_pool_name(plan, plan.routes[0])}-.*" for plan in POOLS.values())
    assert order[99] == [f".*-{agent_pool_name(A10, A10.routes[1])}-.*"]
    assert order[98] == [f".*-{agent_pool_name(A10, A10.routes[2])}-.*"]
