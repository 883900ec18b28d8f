"""What a stack file may say of Azure: what does not fit together is refused with what would."""

import pydantic
import pytest
from azure_samples import GIVEN, POOLS, RESERVATION, SYSTEM, pool, settings

from cnai.clouds.azure import addresses
from cnai.clouds.azure.settings import regions
from cnai.clouds.machines import machines
from cnai.clouds.pools import Route
from cnai.environment import Environment
from cnai.errors import UserError


def lines(**more):
    return {".".join(map(str, path)): text for path, text in settings(**more).problems()}


def test_what_an_engineer_would_give_is_right():
    assert lines() == {}
    assert list(settings().pool_problems(POOLS.values())) == []


@pytest.mark.parametrize(
    ("given", "key", "says"),
    [
        ({"region": "us-east-1"}, "region", "give australiacentral"),
        ({"cidr": "10.0.0.0"}, "cidr", "from /8 to /24, not /32"),
        ({"cidr": "ten"}, "cidr", "not a CIDR: give one such as 10.0.0.0/16"),
        ({"cidr": "10.0.1.0/16"}, "cidr", "not a CIDR"),
        ({"cidr": "10.0.0.0/25"}, "cidr", "from /8 to /24, not /25"),
        ({"cidr": "172.30.0.0/16"}, "cidr", "overlaps 172.30.0.0/16, which AKS reserves"),
        ({"service_cidr": "192.160.0.0/12"}, "service_cidr", "from /13 to /26, not /12"),
        ({"pod_cidr": "10.0.0.0/12"}, "pod_cidr", "overlaps cidr's 10.0.0.0/16"),
        ({"service_cidr": "10.128.0.0/16"}, "service_cidr", "overlaps pod_cidr's 10.128.0.0/11"),
        ({"service_cidr": "10.0.4.0/22"}, "service_cidr", "overlaps cidr's 10.0.0.0/16"),
        ({"public_access_cidrs": ("0.0.0.0/0",)}, "public_access_cidrs.0", "not the whole internet"),
        ({"public_access_cidrs": ("1.2.3.0/24", "x")}, "public_access_cidrs.1", "give your own ranges"),
    ],
)
def test_a_mistake_is_told_at_its_key(given, key, says):
    assert says in lines(**given)[key]


@pytest.mark.parametrize(
    ("key", "value"),
    [
        ("subscription_id", "my-subscription"),
        ("admin_groups", ()),
        ("zones", 4),
        ("kubernetes", "1.36.2"),
        ("gpu_driver", "image"),
        ("nat_addresses", 0),
        ("log_retention_days", 31),
        ("color", "blue"),
    ],
)
def test_a_value_that_azure_does_not_take_is_refused_by_its_type(key, value):
    with pytest.raises(pydantic.ValidationError) as refused:
        settings(**{key: value})
    assert refused.value.errors()[0]["loc"][0] == key


@pytest.mark.parametrize("key", GIVEN)
def test_what_no_default_is_sensible_for_must_be_given(key):
    given = {name: value for name, value in GIVEN.items() if name != key}
    with pytest.raises(pydantic.ValidationError, match="Field required"):
        type(settings())(**given)


def test_a_region_without_zones_has_none():
    assert settings(region="westus").zone_names() == ()
    assert settings(zones=2).zone_names() == ("eastus2-1", "eastus2-2")


def test_every_region_that_a_machine_names_is_known():
    assert {region for machine in machines("azure").values() for region in machine.regions} <= set(regions())


def problems(plan, **more):
    return {".".join(map(str, path)): text for path, text in settings(**more).pool_problems([plan])}


@pytest.mark.parametrize(
    ("plan", "key", "says"),
    [
        (
            pool("system", "Standard_D8ds_v5", min=1, routes=(Route(kind="on-demand"), Route(kind="spot"))),
            "pools.system.capacity.1",
            "no spot nodes in its system pool",
        ),
        (
            pool("a10", "Standard_NV36ads_A10_v5", routes=(Route(kind="reserved"),)),
            "pools.a10.capacity.0",
            "name the capacity reservation group by its resource ID",
        ),
        (
            pool("a10", "Standard_NV36ads_A10_v5", routes=(Route(kind="reserved", id="a10"),)),
            "pools.a10.capacity.0",
            "/subscriptions/",
        ),
        (
            pool(
                "a10", "Standard_NV36ads_A10_v5", placement="compact", routes=(Route(kind="reserved", id=RESERVATION),)
            ),
            "pools.a10.capacity.0",
            "leave out placement or the reservation",
        ),
        (
            pool("h100", "Standard_ND96isr_H100_v5", placement="compact", zones=("eastus2-1", "eastus2-2")),
            "pools.h100.zones",
            "a placement group is in one zone",
        ),
        (pool("cpu", "Standard_D8ds_v5", max=1001), "pools.cpu.max", "at most 1000 nodes: give several pools"),
    ],
)
def test_a_pool_that_aks_would_refuse_is_refused_here(plan, key, says):
    assert says in problems(plan)[key]


def test_pools_that_outgrow_their_addresses_are_told_the_range_that_would_do():
    big = pool("cpu", "Standard_D8ds_v5", max=400)
    told = problems(big, cidr="10.0.0.0/24", pod_cidr="10.128.0.0/16")
    # Half of a /24, less the five addresses that Azure keeps.
    assert told["cloud.azure.cidr"] == "10.0.0.0/24 has room for 123 nodes, and pools at max have 536: give a /21"
    assert told["cloud.azure.pod_cidr"].endswith("room for 256 nodes, and pools at max have 536: give a /14")
    assert problems(big, cidr="10.0.0.0/21", pod_cidr="10.128.0.0/14") == {}


def test_every_route_of_a_pool_may_grow_to_its_max_and_surge():
    twice = pool("cpu", "Standard_D8ds_v5", max=100, routes=(Route(kind="on-demand"), Route(kind="spot")))
    assert addresses.most_nodes([twice]) == 268


def test_nodes_and_control_plane_never_share_addresses():
    for cidr in ("10.0.0.0/8", "10.0.0.0/16", "10.9.8.0/24"):
        found = addresses.subnets(cidr)
        assert not found.nodes.overlaps(found.api)
        assert found.api.num_addresses >= 16


def environment(**pools):
    return {
        "cnai:cloud": {"azure": {**GIVEN, "admin_groups": list(GIVEN["admin_groups"])}},
        "cnai:pools": {"system": {"machine": SYSTEM.machine.name, "min": 3, "max": 6}, **pools},
    }


def test_a_pool_with_a_spot_route_tolerates_the_taint_that_aks_puts_there():
    given = environment(a10={"accelerator": "A10", "capacity": ["on-demand", "spot"]}, l={"accelerator": "A100"})
    pools = Environment.load("azure-prod", given).pools
    assert {"key": "kubernetes.azure.com/scalesetpriority", "operator": "Equal", "value": "spot"}.items() <= pools[
        "a10"
    ].tolerations[-1].items()
    assert [each["key"] for each in pools["l"].tolerations] == ["nvidia.com/gpu"]


def test_an_accelerator_is_planned_onto_a_machine_that_the_region_has():
    given = environment(a={"accelerator": "A100"})
    assert Environment.load("azure-prod", given).pools["a"].machine.name == "Standard_NC96ads_A100_v4"
    given["cnai:cloud"]["azure"]["region"] = "westus2"
    assert Environment.load("azure-prod", given).pools["a"].machine.name == "Standard_ND96asr_v4"


@pytest.mark.parametrize(
    ("pool", "line"),
    [
        ({"accelerator": "TPU-v5e"}, "cnai:pools.x.accelerator: azure has no 'TPU-v5e': give A10"),
        (
            {"accelerator": "H100", "capacity": ["reserved"]},
            "cnai:pools.x.capacity[0]: Standard_NC80adis_H100_v5 is not",
        ),
        (
            {"machine": "Standard_ND96asr_v4"},
            "cnai:pools.x.machine: eastus2 has no Standard_ND96asr_v4: it is in eastus",
        ),
        ({"accelerator": "A10", "capacity": [{"block": "b"}]}, "cnai:pools.x.capacity[0]: azure has no route 'block'"),
        ({"accelerator": "H100", "fabric": "efa"}, "cnai:pools.x.fabric: no fabric 'efa': Allowed: infiniband"),
        ({"accelerator": "A10", "capacity": ["reserved"]}, "cnai:pools.x.capacity[0]: name the capacity reservation"),
        ({"max": 5000, "capacity": ["on-demand", "spot"]}, "cnai:cloud.azure.pod_cidr"),
    ],
)
def test_a_stack_file_that_asks_azure_for_what_it_has_not_is_refused(pool, line):
    with pytest.raises(UserError) as refused:
        Environment.load("azure-prod", environment(x=pool))
    assert [each for each in str(refused.value).splitlines() if each.startswith(line)], str(refused.value)
