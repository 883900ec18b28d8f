"""A VPC is cut so that nothing overlaps, and a range that pods would outgrow is refused."""

from dataclasses import replace
from ipaddress import IPv4Network
from itertools import combinations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from cnai.clouds.aws.addresses import largest_prefix, needed, per_node, subnets, too_small
from cnai.clouds.machines import plan
from cnai.clouds.pools import PoolPlan

ZONES = ("us-east-1a", "us-east-1b", "us-east-1c")
POOL = PoolPlan(name="cpu", machine=plan("aws", machine="m7i.2xlarge"), min=0, max=30, zones=ZONES)


@given(st.integers(1, 6), st.data())
def test_subnets_lie_in_the_vpc_and_never_overlap(zones, data):
    cidr = IPv4Network(f"10.64.0.0/{data.draw(st.integers(16, largest_prefix(zones)))}")
    cut = subnets(str(cidr), zones)
    every = [*cut.private, *cut.control, *cut.public]
    assert [len(kind) for kind in (cut.private, cut.control, cut.public)] == [zones] * 3
    assert all(each.subnet_of(cidr) and 16 <= each.prefixlen <= 28 for each in every)
    assert not any(one.overlaps(other) for one, other in combinations(every, 2))


@pytest.mark.parametrize("zones", range(1, 7))
def test_one_bit_less_than_the_smallest_vpc_cannot_be_cut(zones):
    with pytest.raises(ValueError, match="no room"):
        subnets(f"10.0.0.0/{largest_prefix(zones) + 1}", zones)


def test_nodes_get_most_of_a_vpc():
    assert [str(each) for each in subnets("10.40.0.0/16", 3).private] == [
        "10.40.0.0/18",
        "10.40.64.0/18",
        "10.40.128.0/18",
    ]


def test_a_node_takes_whole_prefixes_and_keeps_one_warm():
    assert per_node(110) == 7 * 16 + 16 + 2


def test_what_does_not_divide_evenly_counts_in_full():
    assert needed([replace(POOL, max=4)]) == dict.fromkeys(ZONES, 2 * per_node(110))


def test_pools_share_a_zone_and_spread_over_theirs():
    one_zone = replace(POOL, name="gpu", max=4, zones=("us-east-1a",))
    assert needed([POOL, one_zone]) == {
        "us-east-1a": 14 * per_node(110),
        "us-east-1b": 10 * per_node(110),
        "us-east-1c": 10 * per_node(110),
    }


@pytest.mark.parametrize(("nodes", "cidr"), [(30, "10.0.0.0/19"), (370, "10.0.0.0/16"), (3, "10.0.0.0/22")])
def test_what_fits_is_not_refused(nodes, cidr):
    assert list(too_small(cidr, ZONES, [replace(POOL, max=nodes)])) == []


def test_a_range_that_pods_outgrow_is_refused_with_one_that_they_do_not():
    told = list(too_small("10.0.0.0/20", ZONES, [POOL]))
    assert [each.partition(" ")[0] for each in told] == list(ZONES)
    assert "has 1019 addresses" in told[0]
    assert told[0].endswith("give a /19")
    assert list(too_small("10.0.0.0/19", ZONES, [POOL])) == []


def test_where_no_vpc_is_large_enough_fewer_nodes_are_asked_for():
    told = list(too_small("10.0.0.0/16", ZONES, [replace(POOL, max=5000)]))
    assert told[0].endswith("lower a pool's max, or give more zones")
