"""A group comes to its size, replaces what is outdated one by one, and gives back what is idle."""

import pytest
from group_samples import group, node, record

from cnai.sandbox.controllers.groups import records
from cnai.sandbox.controllers.groups.resize import IDLE_S, idle, indices, resize, spread

GROUP = group(min=1)


def nodes(*indices: int, **changes) -> list:
    return [node(GROUP, index, **changes) for index in indices]


def test_missing_nodes_are_launched_and_the_last_of_too_many_retired():
    assert resize(GROUP, nodes(0, 1), 4).launch == 2
    assert [n.index for n in resize(GROUP, nodes(0, 1, 2), 1).retire] == [1, 2]
    assert resize(GROUP, nodes(0, 1), 2) == resize(GROUP, [], 0)


def test_a_node_that_goes_already_is_replaced_by_none_too_many():
    assert resize(GROUP, [*nodes(0, going=True), *nodes(1, retiring=True)], 2).launch == 2


def test_of_outdated_nodes_one_goes_after_one_more_has_come():
    old, fresh = nodes(0, 1, launched_with="older"), nodes(2)
    assert resize(GROUP, old, 2).launch == 1
    assert resize(GROUP, [*old, *nodes(2, ready=False)], 2) == resize(GROUP, [], 0)
    assert [n.index for n in resize(GROUP, [*old, *fresh], 2).retire] == [0]
    drained = nodes(0, launched_with="older", retiring=True)
    assert resize(GROUP, [*drained, old[1], *fresh], 2) == resize(GROUP, [], 0)


def test_nodes_without_work_go_after_a_while_down_to_the_minimum():
    found, since = nodes(0, 1, 2), {"h100-0": 0.0, "h100-1": 0.0, "h100-2": 5.0}
    assert idle(GROUP, found, since, IDLE_S - 1, 3) == []
    assert [n.index for n in idle(GROUP, found, since, IDLE_S, 3)] == [1, 0]
    assert [n.index for n in idle(GROUP, found, since, IDLE_S + 5, 3)] == [2, 1]
    assert idle(GROUP, found[:1], since, IDLE_S + 5, 1) == []


def test_names_are_used_again_and_zones_filled_evenly():
    assert indices(GROUP, [0, 2], 3) == [1, 3, 4]
    assert spread(GROUP, nodes(0), ["local-a", "local-b"], 3) == ["local-b", "local-a", "local-b"]
    assert spread(GROUP, nodes(0), [], 3) == []


def test_only_what_a_machine_is_made_of_replaces_it():
    assert group(image="two").launch != GROUP.launch
    assert group(kubernetes="1.37").launch != GROUP.launch
    relabelled = group(labels={"cnai.dev/pool": "other"})
    assert relabelled.launch == GROUP.launch
    assert relabelled.description != GROUP.description


@pytest.mark.parametrize("facts", [{"machine": "h100-9"}, {"cloud": "mars"}])
def test_a_record_of_what_the_cloud_has_not_is_refused(facts):
    with pytest.raises((KeyError, ValueError, FileNotFoundError)):
        records.group(record("x", **facts))


def test_a_slice_goes_when_all_its_hosts_are_idle():
    pool = group(cloud="gcp", machine="ct6e-standard-4t", topology="4x4", min=0, max=8)
    hosts = [node(pool, index) for index in range(8)]
    since = {host.name: 0.0 for host in hosts[1:]}
    assert [host.index for host in idle(pool, hosts, since, IDLE_S, 8)] == [4, 5, 6, 7]
    assert indices(pool, [0, 1, 2, 3], 4) == [4, 5, 6, 7]
