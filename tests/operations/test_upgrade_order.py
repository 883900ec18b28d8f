"""A plain `up` after a change of the version goes in order, since each part depends on what must be there before it."""

from pathlib import Path

import pytest

from cnai.environment import Environment
from cnai.platform import Platform
from cnai.stackfiles import read_stack_config

ROOT = Path(__file__).resolve().parents[2]
CLUSTER = ("aws:eks/cluster:Cluster", "gcp:container/cluster:Cluster", "azure-native:containerservice:ManagedCluster")
GROUPS = ("aws:eks/nodeGroup:NodeGroup", "gcp:container/nodePool:NodePool", "azure-native:containerservice:AgentPool")
SYSTEM_GROUP = "aws:eks/nodeGroup:NodeGroup::system"


@pytest.fixture
def before(declared):
    """`before(env)`: each resource -> all that is there before it, by its own and its parents' dependencies."""

    def look(env):
        environment = Environment.load(env, read_stack_config(ROOT, env))
        registered = {each.key: each for each in declared(lambda: Platform(environment), env)}

        def reached(key, seen):
            each = registered.get(key)
            for other in (*each.options.get("dependsOn", ()), each.parent) if each else ():
                if other and other not in seen:
                    seen.add(other)
                    reached(other, seen)
            return seen

        return {key: reached(key, set()) for key in registered}

    return look


def of(found, *types):
    return [key for key in found if key.partition("::")[0] in types]


@pytest.mark.parametrize("env", ["aws-prod", "gcp-prod", "azure-prod"])
def test_every_group_of_nodes_waits_for_the_control_plane(before, env):
    found = before(env)
    (cluster,) = of(found, *CLUSTER)
    groups = of(found, *GROUPS)
    assert groups
    assert [group for group in groups if cluster not in found[group]] == []


def test_on_aws_add_ons_come_between_and_the_system_pool_before_the_others(before):
    found = before("aws-prod")
    first = [key for key in of(found, "aws:eks/addon:Addon") if "-first-" in key]
    late = [key for key in of(found, "aws:eks/addon:Addon") if "-system-" in key]
    assert all(key in found[SYSTEM_GROUP] for key in first)
    assert all(SYSTEM_GROUP in found[key] for key in late)
    others = [*of(found, "kubernetes:karpenter.sh/v1:NodePool"), *set(of(found, *GROUPS)) - {SYSTEM_GROUP}]
    assert len(others) > 2
    for key in others:
        assert {SYSTEM_GROUP, *first, *late} <= found[key], key
