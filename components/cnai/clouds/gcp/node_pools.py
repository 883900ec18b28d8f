"""A pool's node pools on GKE, with the placement policy that some need."""

from dataclasses import dataclass
from typing import Any

import pulumi
import pulumi_gcp as gcp

from cnai.clouds.gcp.groups import Group, groups
from cnai.clouds.gcp.nodes import (
    NodeSettings,
    Spec,
    has_accelerator_network,
    is_queued,
    needs_workload_policy,
    node_config,
)
from cnai.clouds.pools import PoolPlan

IGNORED = ["initialNodeCount"]
"""Only the beginning of a node pool; another number later would replace it."""


@dataclass(frozen=True, kw_only=True)
class Placement:
    """The cluster that node pools are added to."""

    cluster: pulumi.Input[str]
    region: str
    version: pulumi.Input[str]
    """Of the control plane: nodes follow it."""
    nodes: NodeSettings


def node_pool(plan: PoolPlan, group: Group, at: Placement) -> Spec:
    """Arguments of `gcp.container.NodePool`, but for the policy's name."""
    spec: Spec = {
        "name": group.name,
        "cluster": at.cluster,
        "location": at.region,
        "node_locations": list(group.zones),
        "version": at.version,
        "max_pods_per_node": plan.machine.max_pods,
        "node_config": node_config(plan, group, at.nodes),
        "network_config": {"enable_private_nodes": True},
        "management": {"auto_repair": group.route.kind != "queued", "auto_upgrade": True},
        "upgrade_settings": upgrade_settings(plan),
        **size(group),
    }
    if has_accelerator_network(plan):
        spec["network_config"]["accelerator_network_profile"] = "auto"
    if group.is_slice:
        spec["placement_policy"] = {"type": "COMPACT", "tpu_topology": group.topology}
    elif plan.placement == "compact":
        spec["placement_policy"] = {"type": "COMPACT"}
    if is_queued(plan, group):
        spec["queued_provisioning"] = {"enabled": True}
    return spec


def size(group: Group) -> Spec:
    if group.is_slice and group.min:
        return {"node_count": group.max}
    if group.is_slice:
        limits = {"min_node_count": 0, "max_node_count": group.max}
    else:
        limits = {"total_min_node_count": group.min, "total_max_node_count": group.max}
    policy = "BALANCED" if group.route.kind == "on-demand" else "ANY"
    return {"initial_node_count": group.initial, "autoscaling": {**limits, "location_policy": policy}}


def upgrade_settings(plan: PoolPlan) -> Spec:
    """One node at a time; accelerators have none to spare for a surge."""
    surge = plan.machine.accelerator is None
    return {"strategy": "SURGE", "max_surge": int(surge), "max_unavailable": int(not surge)}


def declare(name: str, plan: PoolPlan, at: Placement, opts: pulumi.ResourceOptions) -> None:
    """A node pool for each route. Names are fixed, so that one which is replaced gives its capacity back first."""
    own = pulumi.ResourceOptions.merge(opts, pulumi.ResourceOptions(ignore_changes=IGNORED, delete_before_replace=True))
    for group in groups(plan):
        spec = node_pool(plan, group, at)
        logical = name + group.name.removeprefix(plan.name)
        if topology := needs_workload_policy(plan):
            spec["placement_policy"]["policy_name"] = _policy(f"{logical}-policy", at.region, topology, opts).name
        gcp.container.NodePool(logical, opts=own, **spec)


def _policy(name: str, region: str, topology: str, opts: pulumi.ResourceOptions) -> gcp.compute.ResourcePolicy:
    shape: Any = {"type": "HIGH_THROUGHPUT", "accelerator_topology": topology}
    return gcp.compute.ResourcePolicy(name, region=region, workload_policy=shape, opts=opts)
