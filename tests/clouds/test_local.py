"""The local cloud declares simulated nodes, on a provider that can reach no other cluster."""

import tomllib
from importlib.resources import files

import pulumi

from cnai.clouds.local.cluster import LocalCluster, LocalClusterArgs
from cnai.clouds.local.settings import LocalSettings
from cnai.clouds.machines import kubernetes_version, machines
from cnai.clouds.pools import PoolPlan


def test_the_cluster_says_the_version_that_the_sandboxs_api_server_has():
    tools = tomllib.loads(files("cnai.toolchain").joinpath("tools.toml").read_text())
    served = tools["source"]["kubernetes"]["version"]
    assert served.removeprefix("v").startswith(f"{kubernetes_version('local')}.")


def cluster(size=2):
    made = LocalCluster("cluster", LocalClusterArgs(environment="demo", settings=LocalSettings(zones=2)))
    plan = PoolPlan(name="h", machine=machines("local")["h100-8"], min=size, max=4, zones=made.traits.zones)
    made.node_group("h", plan, pulumi.ResourceOptions(parent=made, provider=made.provider))


def test_the_provider_is_bound_to_the_context_of_this_environment(declared):
    provider = next(r for r in declared(cluster) if r.type == "pulumi:providers:kubernetes")
    assert provider.inputs["context"] == "cnai-demo"


def test_a_pool_starts_with_min_nodes(declared):
    nodes = [r for r in declared(cluster) if r.type == "kubernetes:core/v1:Node"]
    assert [node.name for node in nodes] == ["h-0", "h-1"]
    assert {node.inputs["metadata"]["annotations"]["kwok.x-k8s.io/node"] for node in nodes} == {"fake"}
    assert [node.inputs["metadata"]["labels"]["topology.kubernetes.io/zone"] for node in nodes] == [
        "local-a",
        "local-b",
    ]


def test_another_machine_replaces_a_node_and_removes_the_old_one_first(declared):
    node = next(r for r in declared(cluster) if r.type == "kubernetes:core/v1:Node")
    assert "status" in node.options["replaceOnChanges"]
    assert node.options["deleteBeforeReplace"] is True


def test_a_pool_of_none_declares_no_node(declared):
    assert not [r for r in declared(lambda: cluster(0)) if r.type == "kubernetes:core/v1:Node"]
