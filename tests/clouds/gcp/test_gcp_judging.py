"""Pools that can be planned, but that GKE would refuse, are refused before anything exists."""

from dataclasses import replace

import pytest
from gcp_sample import POOLS, RESERVED, pool

from cnai.clouds.gcp.groups import groups
from cnai.clouds.gcp.judging import LONGEST_NAME, pool_problems
from cnai.clouds.pools import Route, Sharing


def said(plan, *, operator=False):
    return {".".join(map(str, path)): text for path, text in pool_problems(plan, operator=operator)}


QUEUED, SPOT, ON_DEMAND = Route(kind="queued"), Route(kind="spot"), Route(kind="on-demand")
GPU, TPU = "a3-highgpu-8g", "ct6e-standard-4t"


@pytest.mark.parametrize("plan", POOLS.values(), ids=lambda plan: plan.name)
def test_the_samples_pools_are_taken(plan):
    assert said(plan) == {}


@pytest.mark.parametrize(
    ("plan", "key", "words"),
    [
        (pool("a4-highgpu-8g", zones=("us-central1-a",), routes=(RESERVED,)), "zones", "only in us-central1-b"),
        (pool(TPU, topology="3x3"), "topology", "2x2, 2x4, 4x4"),
        (pool(TPU, topology="big"), "topology", "2x2, 2x4, 4x4"),
        (pool("ct6e-standard-8t", topology="4x4"), "topology", "give 2x4"),
        (pool(TPU, topology="4x4", max=6), "max", "a multiple of 4"),
        (pool(TPU, topology="4x4", min=2), "min", "a multiple of 4"),
        (pool(TPU, topology="4x4", placement="compact"), "placement", "leave placement out"),
        (pool("e2-standard-8", placement="compact"), "placement", "n2"),
        (pool("a4x-highgpu-4g", placement="compact", max=36, routes=(RESERVED,)), "max", "18"),
        (pool("g2-standard-8", sharing=Sharing(time_slices=64)), "sharing", "48"),
        (pool("e2-standard-8", routes=(QUEUED,)), "capacity.0", "accelerators only"),
        (pool("e2-standard-8", routes=(Route(kind="block", id="b"),)), "capacity.0", "accelerators only"),
        (pool(GPU, routes=(QUEUED,), min=1), "capacity.0", "set min to 0"),
        (pool(GPU, routes=(ON_DEMAND, QUEUED), placement="compact"), "capacity.1", "cannot be placed compactly"),
        (pool(GPU, routes=(Route(kind="reserved", id="r"),)), "capacity.0", "zone: us-central1-a"),
        (pool(TPU, routes=(Route(kind="reserved"),)), "capacity.0", "reserved: NAME"),
        (pool("a3-ultragpu-8g", routes=(Route(kind="reserved"),)), "capacity.0", "reserved: NAME"),
        (pool("e2-standard-8", name="x" * 31), "", "at most 30 characters"),
        (pool(TPU, topology="4x4", name="x" * 23), "", "at most 22 characters"),
        (pool(GPU, name="x" * 30, routes=(RESERVED, replace(RESERVED, id="b"))), "", "at most 29 characters"),
    ],
)
def test_what_gke_would_refuse_is_refused_with_what_it_takes(plan, key, words):
    assert words in said(plan)[key]


@pytest.mark.parametrize(
    "plan",
    [
        pool("a3-ultragpu-8g", routes=(QUEUED,), placement="compact"),
        pool("a4-highgpu-8g", routes=(Route(kind="reserved", id="r"),)),
        pool(GPU, routes=(SPOT, QUEUED), min=1),
        pool(GPU, routes=(Route(kind="reserved"),)),
        pool("n2-standard-8", placement="compact"),
        pool("g2-standard-8", sharing=Sharing(time_slices=48)),
        pool("e2-standard-8", name="x" * 30),
        pool(TPU, topology="4x4", name="x" * 22, max=8),
        pool(TPU, max=7),
        pool(TPU, routes=(QUEUED,), topology="4x4"),
    ],
)
def test_what_gke_takes_is_taken(plan):
    assert said(plan) == {}


def test_the_gpu_operator_shares_as_often_as_it_likes():
    assert said(pool("g2-standard-8", sharing=Sharing(time_slices=64)), operator=True) == {}


def test_names_of_node_pools_fit():
    longest = pool(TPU, topology="2x4", name="x" * 21, max=198, routes=(ON_DEMAND,))
    assert said(longest) == {}
    assert max(len(group.name) for group in groups(longest)) == LONGEST_NAME
