"""What a stack file may say of a cluster that is there already: nothing that only a cloud could do."""

import pydantic
import pytest
from hypothesis import given
from hypothesis import strategies as st
from onprem_samples import DGX, GPU, POOLS, SYSTEM, pool, settings

from cnai.clouds.onprem import addresses
from cnai.clouds.pools import Sharing
from cnai.environment import Environment
from cnai.errors import UserError


def lines(**more):
    return {".".join(map(str, path)): text for path, text in settings(**more).problems()}


def test_what_a_site_would_give_is_right():
    assert lines() == {}
    assert lines(addresses=("10.1.2.0/28", "10.1.3.1-10.1.3.1", "2001:db8::/120")) == {}
    assert list(settings().pool_problems(POOLS.values())) == []


@pytest.mark.parametrize(
    ("given", "key", "says"),
    [
        ({"addresses": ()}, "addresses", "MetalLB has none to assign: give unused ranges"),
        ({"load_balancer": "none"}, "addresses", "set load_balancer: metallb, or leave them out"),
        ({"addresses": ("10.1.2.99-10.1.2.10",)}, "addresses.0", "it ends before it begins"),
        (
            {
                "addresses": (
                    "10.1.2.0/28",
                    "10.1.2.300",
                )
            },
            "addresses.1",
            "not a range",
        ),
        ({"addresses": ("10.1.2.1/28",)}, "addresses.0", "has host bits set"),
        ({"addresses": ("10.1.2.1-2001:db8::1",)}, "addresses.0", "mixes IPv4 and IPv6"),
        ({"addresses": ("10.1.2.0/24", "10.1.2.200-10.1.3.5")}, "addresses.1", "overlaps 10.1.2.0/24"),
        ({"storage": "standard", "ceph": {"replicas": 2}}, "ceph", "storage is standard: leave ceph out"),
    ],
)
def test_a_mistake_is_told_at_its_key(given, key, says):
    assert says in lines(**given)[key]


@pytest.mark.parametrize(
    ("key", "value"),
    [
        ("context", ""),
        ("storage", ""),
        ("load_balancer", "cloud"),
        ("rdma", "efa"),
        ("ceph", {"replicas": 1}),
        ("ceph", {"disks": "^nvme"}),
        ("region", "here"),
    ],
)
def test_a_value_that_means_nothing_here_is_refused_by_its_type(key, value):
    with pytest.raises(pydantic.ValidationError):
        settings(**{key: value})


def problems(*plans, **more):
    return {".".join(map(str, path)): text for path, text in settings(**more).pool_problems(plans)}


@pytest.mark.parametrize(
    ("plan", "key", "says"),
    [
        (pool("x", "server-8", min=1, max=3), "pools.x.max", "set both min and max"),
        (pool("x", "server-8", labels={"a": "b"}), "pools.x.labels", "use selector"),
        (pool("x", "server-8", placement="compact"), "pools.x.placement", "leave it out"),
        (
            pool("x", "l40s-4", sharing=Sharing(time_slices=4)),
            "pools.x.sharing",
            "set nvidia.com/device-plugin.config=time-slices-4 and select it too",
        ),
        (
            pool("x", "dgx-a100", sharing=Sharing(mig="1g.10gb")),
            "pools.x.sharing",
            "set nvidia.com/mig.config=all-1g.10gb and select it too",
        ),
    ],
)
def test_what_only_someone_who_makes_nodes_can_do_is_refused(plan, key, says):
    assert says in problems(SYSTEM, plan)[key]


def test_shared_gpus_are_right_where_the_label_is_selected():
    selector = {"site/pool": "x", "nvidia.com/device-plugin.config": "time-slices-4"}
    assert problems(SYSTEM, pool("x", "l40s-4", sharing=Sharing(time_slices=4), node_selector=selector)) == {}


def test_pools_that_select_the_same_nodes_are_told_apart():
    twin = pool("twin", "server-8", node_selector={**SYSTEM.node_selector, "disk": "ssd"})
    assert problems(SYSTEM, twin) == {
        "pools.twin.selector": "system selects these nodes too: add a label that distinguishes the pools"
    }


def test_ceph_wants_three_nodes_unless_it_has_its_own():
    small = pool("system", "server-32", 2)
    assert "Ceph needs 3 nodes" in problems(small)["pools.system.min"]
    assert problems(small, ceph={"selector": {"site/pool": "storage"}}) == {}
    assert problems(small, storage="standard") == {}


numbers = st.integers(0, 2**32 - 1)


@given(st.lists(st.tuples(numbers, numbers), max_size=6))
def test_ranges_overlap_just_where_they_share_an_address(pairs):
    import ipaddress

    pairs = [tuple(sorted(pair)) for pair in pairs]
    texts = [f"{ipaddress.IPv4Address(a)}-{ipaddress.IPv4Address(b)}" for a, b in pairs]
    told = {index for index, _ in addresses.wrong(texts)}
    shared = {i for i, (a, b) in enumerate(pairs) if any(a <= d and c <= b for c, d in pairs[:i])}
    assert told == shared


def environment(**more):
    return {
        "cnai:cloud": {"onprem": {"context": "machine-room", "storage": "standard", **more}},
        "cnai:pools": {
            "system": {"machine": "server-8", "min": 1, "selector": {"site/pool": "system"}},
            "dgx": {
                "machine": "dgx-h100",
                "min": 2,
                "selector": {"site/pool": "dgx"},
                "taints": ["nvidia.com/gpu=present:NoSchedule"],
            },
        },
    }


def test_a_pod_for_existing_nodes_selects_the_sites_labels_and_tolerates_the_sites_taints():
    dgx = Environment.load("onprem", environment()).pools["dgx"]
    assert dgx.selector == {"site/pool": "dgx"}
    assert dgx.tolerations == [GPU.toleration]
    assert (dgx.min, dgx.max) == (2, 2)


@pytest.mark.parametrize(
    ("pool", "line"),
    [
        ({"selector": {}}, "cnai:pools.dgx.selector: this cloud's nodes exist already"),
        ({"capacity": ["spot"]}, "cnai:pools.dgx.capacity[0]: onprem has no route 'spot'"),
        ({"fabric": "infiniband"}, "cnai:pools.dgx.fabric: no fabric 'infiniband'"),
        ({"machine": "p5.48xlarge"}, "cnai:pools.dgx.machine: onprem has no machine 'p5.48xlarge': give laptop"),
        ({"max": 9}, "cnai:pools.dgx.max: nothing creates nodes here"),
    ],
)
def test_a_stack_file_that_asks_a_machine_room_for_what_it_has_not_is_refused(pool, line):
    given = environment()
    given["cnai:pools"]["dgx"] |= pool
    with pytest.raises(UserError) as refused:
        Environment.load("onprem", given)
    assert [each for each in str(refused.value).splitlines() if each.startswith(line)], str(refused.value)


def test_the_fabric_that_the_site_has_may_be_insisted_on():
    given = environment(rdma="infiniband")
    given["cnai:pools"]["dgx"]["fabric"] = "infiniband"
    assert Environment.load("onprem", given).pools["dgx"].fabric == DGX.fabric
