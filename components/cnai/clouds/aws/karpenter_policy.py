"""What Karpenter's controller may do: only with what it made for this cluster, by tag.

As upstream's CloudFormation has it for 1.14:
https://karpenter.sh/v1.14/reference/cloudformation/
"""

from typing import Any

from cnai.clouds.aws.documents import Document, Text, document, statement

_TAGGED = ("fleet", "instance", "volume", "network-interface", "launch-template", "spot-instances-request")
_PASSIVE = ("security-group", "subnet", "capacity-reservation", "placement-group")
_READS = (
    "CapacityReservations",
    "Images",
    "Instances",
    "InstanceStatus",
    "InstanceTypeOfferings",
    "InstanceTypes",
    "LaunchTemplates",
    "PlacementGroups",
    "SecurityGroups",
    "SpotPriceHistory",
    "Subnets",
)
_POOL, _CLASS, _REGION = "karpenter.sh/nodepool", "karpenter.k8s.aws/ec2nodeclass", "topology.kubernetes.io/region"


def controller_policy(
    *, cluster: str, cluster_arn: Text, region: str, node_role_arn: Text, queue_arn: Text
) -> Document:
    return document(
        *_instances(cluster, region),
        *_instance_profiles(cluster, region),
        _only_passes(node_role_arn),
        *_reads(region, cluster_arn),
        statement(("sqs:DeleteMessage", "sqs:GetQueueUrl", "sqs:ReceiveMessage"), [queue_arn], Sid="Interruptions"),
    )


def _instances(cluster: str, region: str) -> list[Document]:
    launch = ("ec2:RunInstances", "ec2:CreateFleet")
    templates = [f"arn:aws:ec2:{region}:*:launch-template/*"]
    made = [f"arn:aws:ec2:{region}:*:{kind}/*" for kind in _TAGGED]
    own, asked = _tagged(cluster, "Resource", _POOL), _tagged(cluster, "Request", _POOL)
    creation = {"ec2:CreateAction": ["RunInstances", "CreateFleet", "CreateLaunchTemplate"]}
    at_creation = {**asked, "StringEquals": {**asked["StringEquals"], **creation}}
    given = [f"arn:aws:ec2:{region}:*:{kind}/*" for kind in _PASSIVE]
    given += [f"arn:aws:ec2:{region}::{kind}/*" for kind in ("image", "snapshot")]
    retag: dict[str, Any] = {
        **own,
        "StringEqualsIfExists": {"aws:RequestTag/eks:eks-cluster-name": cluster},
        "ForAllValues:StringEquals": {"aws:TagKeys": ["eks:eks-cluster-name", "karpenter.sh/nodeclaim", "Name"]},
    }
    instances = [f"arn:aws:ec2:{region}:*:instance/*"]
    ends = ("ec2:TerminateInstances", "ec2:DeleteLaunchTemplate")
    return [
        statement(launch, given, Sid="LaunchFrom"),
        statement(launch, templates, Sid="LaunchTemplates", Condition=own),
        statement((*launch, "ec2:CreateLaunchTemplate"), made, Sid="LaunchTagged", Condition=asked),
        statement(("ec2:CreateTags",), made, Sid="TagOnCreation", Condition=at_creation),
        statement(("ec2:CreateTags",), instances, Sid="TagLater", Condition=retag),
        statement(ends, [*instances, *templates], Sid="EndOwn", Condition=own),
    ]


def _instance_profiles(cluster: str, region: str) -> list[Document]:
    profiles = ["arn:aws:iam::*:instance-profile/*"]
    own = _tagged(cluster, "Resource", _CLASS, {_REGION: region}, named=False)
    asked = _tagged(cluster, "Request", _CLASS, {_REGION: region})
    both = {test: {**own[test], **asked[test]} for test in own}
    changes = ("iam:AddRoleToInstanceProfile", "iam:RemoveRoleFromInstanceProfile", "iam:DeleteInstanceProfile")
    return [
        statement(("iam:CreateInstanceProfile",), profiles, Sid="MakeProfiles", Condition=asked),
        statement(("iam:TagInstanceProfile",), profiles, Sid="TagProfiles", Condition=both),
        statement(changes, profiles, Sid="OwnProfiles", Condition=own),
        statement(("iam:GetInstanceProfile",), profiles, Sid="ReadProfiles"),
        statement(("iam:ListInstanceProfiles",), ["*"], Sid="ListProfiles"),
    ]


def _only_passes(role_arn: Text) -> Document:
    to = {"StringEquals": {"iam:PassedToService": ["ec2.amazonaws.com"]}}
    return statement(("iam:PassRole",), [role_arn], Sid="PassNodeRole", Condition=to)


def _reads(region: str, cluster_arn: Text) -> list[Document]:
    here = {"StringEquals": {"aws:RequestedRegion": region}}
    return [
        statement([f"ec2:Describe{each}" for each in _READS], ["*"], Sid="ReadRegion", Condition=here),
        statement(("ssm:GetParameter",), [f"arn:aws:ssm:{region}::parameter/aws/service/*"], Sid="ReadImages"),
        statement(("pricing:GetProducts",), ["*"], Sid="ReadPrices"),
        statement(("eks:DescribeCluster",), [cluster_arn], Sid="FindCluster"),
    ]


def _tagged(cluster: str, whose: str, owner: str, more: dict[str, str] | None = None, *, named: bool = True) -> Any:
    """Only what carries this cluster's tags, either already (`Resource`) or with this very call (`Request`)."""
    tags = {f"kubernetes.io/cluster/{cluster}": "owned", **(more or {})}
    if named and whose == "Request":
        tags["eks:eks-cluster-name"] = cluster
    return {
        "StringEquals": {f"aws:{whose}Tag/{key}": value for key, value in tags.items()},
        "StringLike": {f"aws:{whose}Tag/{owner}": "*"},
    }
