"""What a stack file says of Google Cloud is refused where it cannot be built."""

import pydantic
import pytest
from gcp_sample import POOLS, pool, settings

from cnai.clouds.gcp.addresses import per_node
from cnai.clouds.gcp.settings import QUEUED_TAINT, regions
from cnai.clouds.machines import kubernetes_version
from cnai.clouds.pools import Route
from cnai.clouds.settings import JudgesPools, TaintsRoutes


def said(found):
    return {".".join(map(str, path)): text for path, text in found}


def test_the_sample_holds_together():
    assert not list(settings().problems())
    assert not list(settings().pool_problems(POOLS.values()))
    assert isinstance(settings(), JudgesPools)
    assert isinstance(settings(), TaintsRoutes)


@pytest.mark.parametrize(
    ("changes", "key", "words"),
    [
        ({"region": "us-middle1"}, "region", "us-central1"),
        ({"region": "us-central1", "zones": ("us-east1-b",)}, "zones", "us-central1-a, us-central1-b"),
        ({"zones": ("us-central1-a", "us-central1-a")}, "zones", "each once"),
        ({"zones": ()}, "zones", "at least one"),
        ({"region": "us-east4", "zones": 4}, "zones", "has 3 zones"),
        ({"cidr": "10.0.0.0/33"}, "cidr", "is not a CIDR"),
        ({"cidr": "10.0.0.1/24"}, "cidr", "is not a CIDR"),
        ({"cidr": "10.0.0.0/29"}, "cidr", "from /8 to /28"),
        ({"cidr": "8.8.0.0/20"}, "cidr", "is public"),
        ({"pod_cidr": "10.128.0.0/22"}, "pod_cidr", "from /9 to /21"),
        ({"pod_cidr": "10.0.0.0/14"}, "pod_cidr", "overlaps cidr's"),
        ({"service_cidr": "10.96.0.0/14"}, "service_cidr", "from /16 to /28"),
        ({"service_cidr": "10.0.16.0/20"}, "service_cidr", "overlaps cidr's 10.0.0.0/19"),
        ({"control_plane_cidr": "172.16.0.0/24"}, "control_plane_cidr", "a /28, not /24"),
        ({"control_plane_cidr": "10.96.1.0/28"}, "control_plane_cidr", "overlaps service_cidr's"),
        ({"public_access_cidrs": ("0.0.0.0/0",)}, "public_access_cidrs.0", "not the whole internet"),
        ({"public_access_cidrs": ("203.0.113.0/24", "here")}, "public_access_cidrs.1", "your own ranges"),
    ],
)
def test_what_cannot_be_built_is_refused_with_what_can(changes, key, words):
    found = said(settings(**changes).problems())
    assert words in found[key]


@pytest.mark.parametrize(
    "changes",
    [
        {"project": "Acme"},
        {"project_number": 0},
        {"kubernetes": "1.36.1"},
        {"access": {"ann@acme.com": "view"}},
        {"access": {"user:ann@acme.com": "owner"}},
        {"maintenance_start": "25:00"},
        {"gpu_driver": "none"},
        {"colour": "green"},
    ],
)
def test_words_that_mean_nothing_are_refused(changes):
    with pytest.raises(pydantic.ValidationError):
        settings(**changes)


def test_a_number_of_zones_is_the_regions_first_ones():
    assert settings(region="us-east1", zones=2).zone_names() == ("us-east1-b", "us-east1-c")
    assert settings(region="nowhere", zones=2).zone_names() == ()


def test_the_kubernetes_minor_is_the_releases_unless_one_is_named():
    assert settings().kubernetes_version() == kubernetes_version("gcp")
    assert settings(kubernetes="1.35").kubernetes_version() == "1.35"


def test_pods_that_wait_in_the_queue_tolerate_what_gke_puts_on_its_nodes():
    assert settings().route_taints("queued") == (QUEUED_TAINT,)
    assert settings().route_taints("spot") == ()


def test_nodes_and_pods_need_room_at_their_most_on_every_route():
    big = pool("e2-standard-8", max=600, routes=(Route(kind="spot"), Route(kind="on-demand")))
    found = said(settings(cidr="10.0.0.0/22", pod_cidr="10.128.0.0/14").pool_problems([big]))
    assert "1020 addresses for nodes" in found["cloud.gcp.cidr"]
    assert "1202" in found["cloud.gcp.cidr"]
    assert "give a /21" in found["cloud.gcp.cidr"]
    assert "307712" in found["cloud.gcp.pod_cidr"]
    assert "give a /13" in found["cloud.gcp.pod_cidr"]
    assert not list(settings(cidr="10.0.0.0/21", pod_cidr="10.128.0.0/13").pool_problems([big]))


def test_pools_that_no_range_could_hold_are_told_to_shrink():
    huge = [pool("e2-standard-8", name=f"p{n}", max=5000) for n in range(8)]
    assert "lower a pool's max" in said(settings(cidr="10.0.0.0/14").pool_problems(huge))["cloud.gcp.pod_cidr"]


def test_wrong_ranges_are_said_once():
    """Not again as ranges that have no room."""
    assert not list(settings(cidr="nothing").pool_problems(POOLS.values()))


def test_a_node_gets_twice_the_addresses_of_its_pods():
    assert [per_node(pods) for pods in (8, 32, 64, 110, 256)] == [16, 64, 128, 256, 512]


def test_regions_have_three_zones_or_more():
    assert len(regions()) > 40
    assert all(len(zones) >= 3 for zones in regions().values())
