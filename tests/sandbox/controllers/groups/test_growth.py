"""Groups grow for the pods that wait, in the order of the pool's routes, and say why where they do not."""

import time

from group_samples import group, node, pod

from cnai.sandbox.controllers.groups.growth import Planner


def everywhere(group):
    return group.zones


def growth(groups, nodes=(), placed=(), waiting=(), zones=everywhere):
    return Planner(groups, nodes, [*placed, *waiting], zones).growth(waiting)


RESERVED = group("reserved", weight=0, max=1, capacity="reserved")
SPOT = group("spot", weight=1, max=2, capacity="spot")


def test_the_first_route_is_filled_before_the_next_and_none_beyond_its_maximum():
    waiting = [pod(f"p{i}") for i in range(4)]
    found = growth([SPOT, RESERVED], waiting=waiting)
    assert found.launches == {"reserved": ["local-a"], "spot": ["local-a", "local-b"]}
    assert [word.message for word in found.words] == [
        "pod triggered scale-up: [{reserved 0->1 (max: 1)}]",
        "pod triggered scale-up: [{spot 0->1 (max: 2)}]",
        "pod triggered scale-up: [{spot 1->2 (max: 2)}]",
        "pod didn't trigger scale-up: 2 max node group size reached",
    ]


def test_a_route_without_capacity_is_passed_over():
    found = growth([RESERVED, SPOT], waiting=[pod("p")], zones=lambda g: () if g.id == "reserved" else g.zones)
    assert found.launches == {"spot": ["local-a"]}


def test_where_no_route_has_capacity_the_pod_is_told():
    found = growth([RESERVED, SPOT], waiting=[pod("p")], zones=lambda _: ())
    assert found.launches == {}
    assert found.words[0].message == "pod didn't trigger scale-up: 2 in backoff after failed scale-up"


def test_a_zone_without_capacity_leaves_the_others():
    found = growth([SPOT], waiting=[pod("p"), pod("q")], zones=lambda _: ("local-b",))
    assert found.launches == {"spot": ["local-b", "local-b"]}


def test_pods_share_a_node_that_has_room_for_both():
    found = growth([SPOT], waiting=[pod("p", gpus=4), pod("q", gpus=4)])
    assert found.launches == {"spot": ["local-a"]}


def test_a_node_that_is_on_its_way_is_counted_on():
    found = growth([SPOT], nodes=[node(SPOT, ready=False)], waiting=[pod("p")])
    assert found.launches == {}


def test_a_full_node_is_not_counted_on_and_a_cordoned_one_neither():
    full, cordoned = node(SPOT, 0), node(SPOT, 1, cordoned=True)
    big = group("spot", max=9)
    found = growth([big], nodes=[full, cordoned], placed=[pod("old", node=full.name)], waiting=[pod("p")])
    assert len(found.launches["spot"]) == 1


def test_a_pod_that_wants_a_zone_gets_its_node_there():
    found = growth([SPOT], waiting=[pod("p", nodeSelector={"topology.kubernetes.io/zone": "local-b"})])
    assert found.launches == {"spot": ["local-b"]}


def test_a_pod_that_fits_no_group_is_told_why():
    found = growth([SPOT], waiting=[pod("p", gpus=16)])
    assert found.words[0].message == "pod didn't trigger scale-up: 1 Insufficient nvidia.com/gpu"


def test_pods_that_keep_apart_get_a_node_each():
    term = {"topologyKey": "kubernetes.io/hostname", "labelSelector": {}}
    apart = {"podAntiAffinity": {"requiredDuringSchedulingIgnoredDuringExecution": [term]}}
    found = growth([SPOT], waiting=[pod("p", gpus=1, affinity=apart), pod("q", gpus=1, affinity=apart)])
    assert len(found.launches["spot"]) == 2


def test_a_group_of_fixed_size_does_not_grow():
    assert growth([group("fixed", autoscaled=False)], waiting=[pod("p")]).launches == {}


def test_a_thousand_pods_and_a_thousand_nodes_are_planned_within_seconds():
    big = group("big", max=5000)
    nodes = [node(big, index) for index in range(1000)]
    placed = [pod(f"old-{n.index}", node=n.name) for n in nodes]
    start = time.process_time()
    found = growth([big], nodes=nodes, placed=placed, waiting=[pod(f"p{i}") for i in range(1000)])
    assert len(found.launches["big"]) == 1000
    assert time.process_time() - start < 5


def test_the_hosts_of_a_slice_come_together_and_in_one_zone():
    tpu = {"cloud": "gcp", "machine": "ct6e-standard-4t", "topology": "4x4", "zones": ["z-a", "z-b"], "taints": []}
    waiting = [tpu_pod(f"host-{i}") for i in range(4)]
    found = growth([group("slice", max=4, **tpu)], waiting=waiting)
    assert found.launches == {"slice": ["z-a"] * 4}
    assert found.words[0].message == "pod triggered scale-up: [{slice 0->4 (max: 4)}]"
    assert growth([group("slice", max=3, **tpu)], waiting=waiting).launches == {}


def tpu_pod(name: str):
    container = {"name": "c", "image": "x", "resources": {"limits": {"google.com/tpu": "4"}}}
    selector = {"cloud.google.com/gke-tpu-topology": "4x4", "cloud.google.com/gke-tpu-accelerator": "tpu-v6e-slice"}
    return pod(name, containers=[container], nodeSelector=selector)
