"""A request for queued nodes is answered as a whole: all of them, none, or not yet."""

import threading

import pytest
from group_samples import group, pod

from cnai.paths import SandboxDir
from cnai.sandbox.controllers.groups.following import NodeGroups
from cnai.sandbox.controllers.groups.requests import NAME, judged

QUEUED = group("h100-queued", capacity="queued", max=4)
HERE, NOWHERE = (lambda _: ["local-a"]), (lambda _: [])


@pytest.mark.parametrize(
    ("pods", "gpus", "kind"),
    [(1, 8, "Provisioned"), (4, 8, "Provisioned"), (8, 4, "Provisioned"), (5, 8, "Failed"), (9, 4, "Failed")],
)
def test_a_request_is_met_where_the_group_can_have_all_its_nodes_at_once(pods, gpus, kind):
    assert judged([(pods, pod("p", gpus=gpus))], [QUEUED], HERE).kind == kind


def test_what_it_needs_and_what_there_is_is_said():
    verdict = judged([(5, pod("p"))], [QUEUED], HERE)
    assert verdict.message == "It needs 5 nodes, and h100-queued has 4 at most."
    assert [each["type"] for each in verdict.conditions("now")] == ["Failed"]


def test_only_groups_that_are_queued_for_have_a_say():
    assert judged([(1, pod("p"))], [group("h100", max=4)], HERE).kind == "Failed"


def test_pods_that_fit_no_node_of_the_group_are_refused():
    assert judged([(1, pod("p", gpus=9))], [QUEUED], HERE).kind == "Failed"


def test_a_request_waits_while_there_is_no_capacity():
    verdict = judged([(1, pod("p"))], [QUEUED], NOWHERE)
    assert verdict.kind == "waiting"
    assert [(each["type"], each["status"]) for each in verdict.conditions("now")] == [
        ("Accepted", "True"),
        ("Provisioned", "False"),
    ]


class Served:
    """An API server that remembers which kinds it was asked to serve."""

    def __init__(self):
        self.kinds = []

    def apply(self, obj, **_):
        self.kinds.append(obj["metadata"]["name"])

    def delete(self, _version, _kind, name):
        self.kinds.remove(name)


def test_requests_are_served_for_as_long_as_a_group_is_queued_for(tmp_path):
    kube, followed = Served(), []
    groups = NodeGroups(kube, SandboxDir(tmp_path), lambda kind, *_: followed.append(kind.kind), threading.Event())
    for queued, kinds in ((True, [NAME]), (False, []), (True, [NAME])):
        groups._serve_requests(queued)
        assert kube.kinds == kinds
    assert followed == ["ProvisioningRequest"]
