"""EFA: who may speak to whom over it, and what tells Kubernetes that a node has it."""

from collections.abc import Iterable, Sequence
from typing import Any

import pulumi
import pulumi_aws as aws

from cnai.catalog.installing import install
from cnai.clouds.aws.routes import NEURON
from cnai.clouds.pools import PoolPlan


def efa_pools(plans: Iterable[PoolPlan]) -> list[PoolPlan]:
    return [plan for plan in plans if plan.fabric == "efa"]


def plugin_values(plans: Sequence[PoolPlan]) -> dict[str, Any]:
    """It runs wherever the machine has EFA, whatever keeps other pods off that node.

    The chart makes it privileged, which it needs only to see the topology of Neuron devices:
    https://github.com/aws/eks-charts/pull/1245, and without on P5: https://github.com/NVIDIA/aicr/pull/872
    """
    tolerations = {str(each): each for plan in plans for each in plan.tolerations}
    values: dict[str, Any] = {"tolerations": list(tolerations.values())}
    if all(plan.gpu_resource != NEURON for plan in plans):
        values["securityContext"] = {
            "privileged": False,
            "allowPrivilegeEscalation": False,
            "capabilities": {"drop": ["ALL"]},
        }
    return values


def group_name(cluster: str) -> str:
    """Its tag `Name`, by which Karpenter finds it."""
    return f"{cluster}-efa"


class FabricGroup(pulumi.ComponentResource):
    """Members speak EFA to each other, which wants all traffic open both ways, and to nobody else.

    https://docs.aws.amazon.com/AWSEC2/latest/UserGuide/efa-start.html#efa-start-security
    """

    id: pulumi.Output[str]

    def __init__(
        self, name: str, cluster: str, vpc: pulumi.Input[str], opts: pulumi.ResourceOptions | None = None
    ) -> None:
        super().__init__("cnai:clouds:AwsFabricGroup", name, {}, opts)
        inside = pulumi.ResourceOptions(parent=self)
        group = aws.ec2.SecurityGroup(
            name, vpc_id=vpc, description="EFA between nodes", tags={"Name": group_name(cluster)}, opts=inside
        )
        members, everything = group.id, "-1"
        aws.vpc.SecurityGroupIngressRule(
            f"{name}-in",
            security_group_id=members,
            referenced_security_group_id=members,
            ip_protocol=everything,
            opts=inside,
        )
        aws.vpc.SecurityGroupEgressRule(
            f"{name}-out",
            security_group_id=members,
            referenced_security_group_id=members,
            ip_protocol=everything,
            opts=inside,
        )
        self.id = group.id
        self.register_outputs({"id": self.id})


class EfaPlugin(pulumi.ComponentResource):
    """AWS' device plugin: pods ask for `vpc.amazonaws.com/efa`."""

    release: pulumi.Resource

    def __init__(self, name: str, plans: Sequence[PoolPlan], opts: pulumi.ResourceOptions | None = None) -> None:
        super().__init__("cnai:clouds:AwsEfaPlugin", name, {}, opts)
        inside = pulumi.ResourceOptions(parent=self)
        self.release = install("aws-efa-k8s-device-plugin", f"{name}-release", plugin_values(plans), inside)
        self.register_outputs({})
