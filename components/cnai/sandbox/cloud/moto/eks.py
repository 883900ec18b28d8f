"""EKS in moto, with the checks that moto leaves out: roles and subnets have to exist."""

from collections.abc import Iterable, Mapping

from cnai.plugin.errors import ProviderError
from cnai.sandbox.cloud.backends import Made
from cnai.sandbox.cloud.moto.calls import Calls
from cnai.sandbox.cloud.moto.handler import Handler, Inputs, renamed
from cnai.sandbox.cloud.store import CloudResource


def cluster(calls: Calls, inputs: Inputs) -> Made:
    wanted = inputs["vpcConfig"]
    vpc = same_vpc(calls, "CreateCluster", wanted["subnetIds"], zones=2)
    need_role(calls, "CreateCluster", inputs["roleArn"])
    need_groups(calls, "CreateCluster", wanted.get("securityGroupIds") or ())
    network = renamed(wanted, subnetIds="subnetIds", securityGroupIds="securityGroupIds")
    given = renamed(inputs, name="name", version="version", roleArn="roleArn", tags="tags")
    made = calls("eks", "create_cluster", **given, resourcesVpcConfig=network)["cluster"]
    return Made(made["name"], {"arn": made["arn"], "vpcConfig": {"vpcId": vpc}})


def same_vpc(calls: Calls, operation: str, subnets: Iterable[str], zones: int = 1) -> str:
    found = calls("ec2", "describe_subnets", SubnetIds=list(subnets))["Subnets"]
    vpcs = {each["VpcId"] for each in found}
    if len(vpcs) != 1:
        raise refused(operation, f"Subnets specified must belong to one VPC, not to {', '.join(sorted(vpcs))}")
    if len({each["AvailabilityZone"] for each in found}) < zones:
        raise refused(operation, f"Subnets specified must be in at least {zones} different AZs")
    return vpcs.pop()


def need_role(calls: Calls, operation: str, arn: str) -> None:
    name = arn.rpartition("/")[2]
    found = calls.present("iam", "get_role", RoleName=name)
    if found is None or found["Role"]["Arn"] != arn:
        raise refused(operation, f"Role with arn: {arn}, could not be assumed because it does not exist")


def need_groups(calls: Calls, operation: str, groups: Iterable[str]) -> None:
    del operation
    if wanted := list(groups):
        calls("ec2", "describe_security_groups", GroupIds=wanted)


def refused(operation: str, why: str) -> ProviderError:
    return ProviderError(f"{operation}: api error InvalidParameterException: {why}")


def group(calls: Calls, inputs: Inputs) -> Made:
    same_vpc(calls, "CreateNodegroup", inputs["subnetIds"])
    need_role(calls, "CreateNodegroup", inputs["nodeRoleArn"])
    template = inputs.get("launchTemplate") or {}
    if template.get("id"):
        calls("ec2", "describe_launch_templates", LaunchTemplateIds=[template["id"]])
    restored = inputs.get("__restored") or {}
    name = inputs.get("nodeGroupName") or restored.get("nodeGroupName") or _named(calls, inputs["nodeGroupNamePrefix"])
    scaling = inputs["scalingConfig"]
    check_sizes(scaling)
    given = renamed(inputs, clusterName="clusterName", amiType="amiType", capacityType="capacityType", labels="labels")
    calls(
        "eks",
        "create_nodegroup",
        **given,
        nodegroupName=name,
        nodeRole=inputs["nodeRoleArn"],
        subnets=list(inputs["subnetIds"]),
        scalingConfig=renamed(scaling, minSize="minSize", maxSize="maxSize", desiredSize="desiredSize"),
    )
    return Made(f"{inputs['clusterName']}:{name}", {"nodeGroupName": name})


def _named(calls: Calls, prefix: str) -> str:
    return calls.made_up(f"{prefix}{{number:10}}")


def check_sizes(scaling: Inputs) -> None:
    """https://docs.aws.amazon.com/eks/latest/APIReference/API_NodegroupScalingConfig.html"""
    low, high, desired = scaling["minSize"], scaling["maxSize"], scaling["desiredSize"]
    if high < 1:
        raise refused("CreateNodegroup", "maxSize must be at least 1")
    if not low <= desired <= high:
        raise refused("CreateNodegroup", f"desired capacity {desired} must be from min {low} to max {high}")


def group_changed(calls: Calls, record: CloudResource, inputs: Inputs) -> Made:
    del calls
    check_sizes(inputs["scalingConfig"])
    return Made(outputs={"nodeGroupName": record.outputs["nodeGroupName"]})


def _group(record: CloudResource) -> dict[str, str]:
    cluster, _, name = record.id.partition(":")
    return {"clusterName": cluster, "nodegroupName": name}


HANDLERS: Mapping[str, Handler] = {
    "aws:eks/cluster:Cluster": Handler(
        make=cluster,
        drop=lambda calls, record: calls("eks", "delete_cluster", name=record.id),
        look=lambda calls, record: calls("eks", "describe_cluster", name=record.id),
    ),
    "aws:eks/nodeGroup:NodeGroup": Handler(
        make=group,
        change=group_changed,
        drop=lambda calls, record: calls("eks", "delete_nodegroup", **_group(record)),
        look=lambda calls, record: calls("eks", "describe_nodegroup", **_group(record)),
    ),
}
