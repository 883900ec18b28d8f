"""Managed node groups: of a size that nobody changes but you."""

import base64
import json
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import pulumi
import pulumi_aws as aws

from cnai.clouds.aws.facts import interfaces
from cnai.clouds.aws.routes import node_labels
from cnai.clouds.machines import Machine
from cnai.clouds.pools import PoolPlan, Route, TaintEffect

ROOT_DISK_GIB = 100
_EFFECTS: dict[TaintEffect, str] = {
    "NoSchedule": "NO_SCHEDULE",
    "PreferNoSchedule": "PREFER_NO_SCHEDULE",
    "NoExecute": "NO_EXECUTE",
}
_CAPACITY = {"on-demand": "ON_DEMAND", "reserved": "ON_DEMAND", "spot": "SPOT", "block": "CAPACITY_BLOCK"}


@dataclass(frozen=True, kw_only=True)
class AwsNodeGroupArgs:
    plan: PoolPlan
    route: Route
    cluster: pulumi.Input[str]
    kubernetes: str
    image_release: str
    role_arn: pulumi.Input[str]
    subnets: Sequence[pulumi.Input[str]]
    """Of the route's zones."""
    security_groups: Sequence[pulumi.Input[str]]
    placement_group: pulumi.Input[str] | None = None


def ami_type(machine: Machine) -> str:
    arch = {"amd64": "x86_64", "arm64": "ARM_64"}[machine.arch]
    device = machine.accelerator.resource if machine.accelerator else ""
    return f"AL2023_{arch}_{ {'nvidia.com/gpu': 'NVIDIA', 'aws.amazon.com/neuron': 'NEURON'}.get(device, 'STANDARD') }"


def scaling(plan: PoolPlan) -> dict[str, int]:
    return {"min_size": plan.min, "max_size": max(plan.max, 1), "desired_size": plan.min}


def taints(plan: PoolPlan) -> list[dict[str, str]]:
    return [{"key": each.key, "value": each.value, "effect": _EFFECTS[each.effect]} for each in plan.all_taints]


def node_config(machine: Machine) -> dict[str, Any]:
    """https://awslabs.github.io/amazon-eks-ami/nodeadm/doc/api/"""
    spec: dict[str, Any] = {"kubelet": {"config": {"maxPods": machine.max_pods}}}
    if machine.local_disk_gb:
        spec["instance"] = {"localStorage": {"strategy": "RAID0"}}
    return {"apiVersion": "node.eks.aws/v1alpha1", "kind": "NodeConfig", "spec": spec}


def user_data(machine: Machine) -> str:
    """MIME in base64; EKS adds its own part, which says which cluster to join."""
    lines = (
        "MIME-Version: 1.0",
        'Content-Type: multipart/mixed; boundary="//"',
        "",
        "--//",
        "Content-Type: application/node.eks.aws",
        "",
        json.dumps(node_config(machine)),
        "",
        "--//--",
        "",
    )
    return base64.b64encode("\n".join(lines).encode()).decode()


def launch_template(args: AwsNodeGroupArgs) -> dict[str, Any]:
    """Arguments of the group's launch template."""
    plan, route = args.plan, args.route
    disk = {"volume_type": "gp3", "volume_size": ROOT_DISK_GIB, "encrypted": "true", "delete_on_termination": "true"}
    names = {"Name": plan.name, "cnai.dev/pool": plan.name}
    found: dict[str, Any] = {
        "block_device_mappings": [{"device_name": "/dev/xvda", "ebs": disk}],
        # One hop: pods get their rights from Pod Identity, never the node's own from its metadata.
        "metadata_options": {"http_endpoint": "enabled", "http_tokens": "required", "http_put_response_hop_limit": 1},
        "tag_specifications": [{"resource_type": kind, "tags": names} for kind in ("instance", "volume")],
        "update_default_version": True,
        "user_data": user_data(plan.machine),
    }
    if plan.fabric == "efa":
        found["network_interfaces"] = efa_interfaces(plan.machine, args.security_groups)
    else:
        found["vpc_security_group_ids"] = list(args.security_groups)
    if args.placement_group is not None:
        found["placement"] = {"group_name": args.placement_group}
    if route.kind in ("block", "reserved"):
        found["capacity_reservation_specification"] = reservation(route)
    if route.kind == "block":
        # EKS wants the type of a block's machines here, and of no other's.
        found |= {"instance_market_options": {"market_type": "capacity-block"}, "instance_type": plan.machine.name}
    return found


def reservation(route: Route) -> dict[str, Any]:
    """The one that is named, or any open one that fits."""
    if route.id:
        return {"capacity_reservation_target": {"capacity_reservation_id": route.id}}
    return {"capacity_reservation_preference": "open"}


def efa_interfaces(machine: Machine, groups: Sequence[pulumi.Input[str]]) -> list[dict[str, Any]]:
    return [
        {
            "network_card_index": each["networkCardIndex"],
            "device_index": each["deviceIndex"],
            "interface_type": each["interfaceType"],
            "security_groups": list(groups),
            "delete_on_termination": "true",
        }
        for each in interfaces(machine)
    ]


class AwsNodeGroup(pulumi.ComponentResource):
    """A managed node group and the launch template of its machines."""

    group: aws.eks.NodeGroup

    def __init__(self, name: str, args: AwsNodeGroupArgs, opts: pulumi.ResourceOptions | None = None) -> None:
        super().__init__("cnai:clouds:AwsNodeGroup", name, {}, opts)
        plan, inside = args.plan, pulumi.ResourceOptions(parent=self)
        template = aws.ec2.LaunchTemplate(name, aws.ec2.LaunchTemplateArgs(**launch_template(args)), opts=inside)
        self.group = aws.eks.NodeGroup(
            name,
            cluster_name=args.cluster,
            # A prefix: what cannot change in place comes up beside the old group before that goes.
            node_group_name_prefix=f"{plan.name}-",
            node_role_arn=args.role_arn,
            subnet_ids=list(args.subnets),
            ami_type=ami_type(plan.machine),
            version=args.kubernetes,
            release_version=args.image_release,
            capacity_type=_CAPACITY[args.route.kind],
            instance_types=None if args.route.kind == "block" else [plan.machine.name],
            launch_template={"id": template.id, "version": pulumi.Output.format("{0}", template.latest_version)},
            scaling_config=aws.eks.NodeGroupScalingConfigArgs(**scaling(plan)),
            update_config={"max_unavailable": 1},
            node_repair_config={"enabled": True},
            labels=node_labels(plan, args.route),
            taints=[aws.eks.NodeGroupTaintArgs(**each) for each in taints(plan)],
            opts=inside,
        )
        self.register_outputs({})


class PlacementGroup(pulumi.ComponentResource):
    """Machines on one segment of the network, in one zone."""

    name: pulumi.Output[str]

    def __init__(self, name: str, opts: pulumi.ResourceOptions | None = None) -> None:
        super().__init__("cnai:clouds:AwsPlacementGroup", f"{name}-placement", {}, opts)
        inside = pulumi.ResourceOptions(parent=self)
        self.name = aws.ec2.PlacementGroup(f"{name}-placement", strategy="cluster", opts=inside).name
        self.register_outputs({"name": self.name})
