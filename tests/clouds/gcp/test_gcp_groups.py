"""A pool becomes a node pool for each route, or for each TPU slice; nodes are always there on the first route only."""

import pytest
from gcp_sample import RESERVED, ZONES, pool

from cnai.clouds.gcp.groups import groups, zones_of
from cnai.clouds.pools import Route

SPOT, ON_DEMAND, QUEUED = Route(kind="spot"), Route(kind="on-demand"), Route(kind="queued")


def test_each_route_has_a_node_pool_and_only_the_first_has_a_minimum():
    made = groups(pool("g2-standard-8", name="l4", min=2, max=9, routes=(SPOT, ON_DEMAND)))
    assert [(g.name, g.min, g.max) for g in made] == [("l4-spot", 2, 9), ("l4-on-demand", 0, 9)]


def test_routes_of_one_kind_are_told_apart_by_their_order():
    routes = (RESERVED, Route(kind="reserved", id="other", zone="us-central1-a"), SPOT)
    names = [g.name for g in groups(pool("a3-highgpu-8g", name="h", routes=routes))]
    assert names == ["h-reserved", "h-reserved-2", "h-spot"]


def test_a_slice_of_several_machines_is_a_node_pool_of_its_own_all_or_none():
    made = groups(pool("ct6e-standard-4t", name="tpu", topology="4x4", min=4, max=12, routes=(SPOT, QUEUED)))
    assert [(g.name, g.min, g.max) for g in made] == [
        ("tpu-spot-slice-1", 4, 4),
        ("tpu-spot-slice-2", 0, 4),
        ("tpu-spot-slice-3", 0, 4),
        ("tpu-queued-slice-1", 0, 4),
        ("tpu-queued-slice-2", 0, 4),
        ("tpu-queued-slice-3", 0, 4),
    ]
    assert all(g.is_slice and len(g.zones) == 1 for g in made)


@pytest.mark.parametrize("topology", ["", "2x2"])
def test_machines_that_are_slices_by_themselves_scale_one_by_one(topology):
    (made,) = groups(pool("ct6e-standard-4t", topology=topology, max=7))
    assert (made.max, made.is_slice, made.zones) == (7, False, ZONES)


@pytest.mark.parametrize(("least", "initial"), [(0, 0), (1, 1), (3, 1), (4, 2)])
def test_a_node_pool_begins_with_its_minimum_in_every_zone(least, initial):
    """GKE counts them by zone, and its autoscaler does not bring a minimum about."""
    (made,) = groups(pool("n2-standard-8", min=least))
    assert made.initial == initial


def test_nodes_are_where_their_reservation_is():
    assert zones_of(pool("a3-highgpu-8g"), RESERVED) == ("us-central1-b",)


def test_nodes_are_only_in_zones_that_have_the_machine():
    assert zones_of(pool("a2-ultragpu-8g"), ON_DEMAND) == ("us-central1-a", "us-central1-c")


def test_what_lies_together_is_in_one_zone():
    assert zones_of(pool("a2-ultragpu-8g", placement="compact"), ON_DEMAND) == ("us-central1-a",)
    assert zones_of(pool("a4-highgpu-8g", placement="compact"), SPOT) == ("us-central1-b",)
