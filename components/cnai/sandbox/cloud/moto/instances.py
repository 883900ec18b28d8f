"""Security groups and launch templates in moto."""

from collections.abc import Callable, Mapping
from typing import Any

from cnai.sandbox.cloud.backends import Made
from cnai.sandbox.cloud.moto.calls import Calls
from cnai.sandbox.cloud.moto.ec2 import by_id, retagged, tags_of
from cnai.sandbox.cloud.moto.handler import Handler, Inputs, absent_is_fine, renamed
from cnai.sandbox.cloud.store import CloudResource


def group(calls: Calls, inputs: Inputs) -> Made:
    name, words = inputs["name"], inputs.get("description", "Managed by Pulumi")
    tags = tags_of("security-group", inputs)
    given = calls(
        "ec2",
        "create_security_group",
        GroupName=name,
        Description=words,
        VpcId=inputs.get("vpcId"),
        TagSpecifications=tags,
    )["GroupId"]
    # AWS lets all out by default; the provider takes that away.
    everywhere = {"IpProtocol": "-1", "IpRanges": [{"CidrIp": "0.0.0.0/0"}]}
    calls("ec2", "revoke_security_group_egress", GroupId=given, IpPermissions=[everywhere])
    for way in ("ingress", "egress"):
        if permissions := [_inline(each, given) for each in inputs.get(way) or ()]:
            calls("ec2", f"authorize_security_group_{way}", GroupId=given, IpPermissions=permissions)
    return Made(given)


def _inline(rule: Mapping[str, Any], own: str) -> dict[str, Any]:
    ports = renamed(rule, fromPort="FromPort", toPort="ToPort", protocol="IpProtocol")
    ranges = [{"CidrIp": each} for each in rule.get("cidrBlocks") or ()]
    groups = [{"GroupId": each} for each in rule.get("securityGroups") or ()]
    mine = [{"GroupId": own}] if rule.get("self") else []
    return {**ports, "IpRanges": ranges, "UserIdGroupPairs": [*groups, *mine]}


def rule(way: str) -> Callable[[Calls, Inputs], Made]:
    def authorize(calls: Calls, inputs: Inputs) -> Made:
        permission = renamed(inputs, fromPort="FromPort", toPort="ToPort", ipProtocol="IpProtocol")
        permission["IpProtocol"] = str(permission["IpProtocol"])
        if inputs.get("cidrIpv4"):
            permission["IpRanges"] = [{"CidrIp": inputs["cidrIpv4"]}]
        if inputs.get("cidrIpv6"):
            permission["Ipv6Ranges"] = [{"CidrIpv6": inputs["cidrIpv6"]}]
        if inputs.get("prefixListId"):
            permission["PrefixListIds"] = [{"PrefixListId": inputs["prefixListId"]}]
        if inputs.get("referencedSecurityGroupId"):
            permission["UserIdGroupPairs"] = [{"GroupId": inputs["referencedSecurityGroupId"]}]
        found = calls(
            "ec2",
            f"authorize_security_group_{way}",
            GroupId=inputs["securityGroupId"],
            IpPermissions=[permission],
        )
        return Made(found["SecurityGroupRules"][0]["SecurityGroupRuleId"])

    return authorize


def rule_gone(way: str) -> Callable[[Calls, CloudResource], object]:
    def revoke(calls: Calls, record: CloudResource) -> object:
        owner = record.inputs["securityGroupId"]
        return calls("ec2", f"revoke_security_group_{way}", GroupId=owner, SecurityGroupRuleIds=[record.id])

    return revoke


def rule_there(calls: Calls, record: CloudResource) -> bool:
    found = calls("ec2", "describe_security_group_rules", SecurityGroupRuleIds=[record.id])
    return bool(found["SecurityGroupRules"])


def template(calls: Calls, inputs: Inputs) -> Made:
    made = calls(
        "ec2",
        "create_launch_template",
        LaunchTemplateName=inputs["name"],
        LaunchTemplateData=template_data(inputs),
        TagSpecifications=tags_of("launch-template", inputs),
    )["LaunchTemplate"]
    given, versions = made["LaunchTemplateId"], int((inputs.get("__restored") or {}).get("latestVersion", 1))
    for _ in range(1, versions):
        calls("ec2", "create_launch_template_version", LaunchTemplateId=given, LaunchTemplateData=template_data(inputs))
    return Made(given, {"latestVersion": versions, "defaultVersion": made["DefaultVersionNumber"]})


def template_data(inputs: Inputs) -> dict[str, Any]:
    """What moto looks at; the rest of a template is only kept."""
    return renamed(inputs, imageId="ImageId", instanceType="InstanceType", userData="UserData", keyName="KeyName")


def template_changed(calls: Calls, record: CloudResource, inputs: Inputs) -> Made:
    same = {key: value for key, value in record.inputs.items() if key != "tags"}
    if same == {key: value for key, value in inputs.items() if key != "tags"}:
        return Made(outputs={key: record.outputs[key] for key in ("latestVersion", "defaultVersion")})
    made = calls(
        "ec2", "create_launch_template_version", LaunchTemplateId=record.id, LaunchTemplateData=template_data(inputs)
    )["LaunchTemplateVersion"]["VersionNumber"]
    default = made if inputs.get("updateDefaultVersion") else record.outputs["defaultVersion"]
    return Made(outputs={"latestVersion": made, "defaultVersion": default})


HANDLERS: Mapping[str, Handler] = {
    "aws:ec2/securityGroup:SecurityGroup": Handler(
        make=group,
        change=retagged,
        drop=by_id("delete_security_group", "GroupId"),
        look=by_id("describe_security_groups", "GroupIds", many=True),
    ),
    "aws:vpc/securityGroupIngressRule:SecurityGroupIngressRule": Handler(
        make=rule("ingress"), drop=absent_is_fine(rule_gone("ingress")), look=rule_there
    ),
    "aws:vpc/securityGroupEgressRule:SecurityGroupEgressRule": Handler(
        make=rule("egress"), drop=absent_is_fine(rule_gone("egress")), look=rule_there
    ),
    "aws:ec2/launchTemplate:LaunchTemplate": Handler(
        make=template,
        change=template_changed,
        drop=by_id("delete_launch_template", "LaunchTemplateId"),
        look=by_id("describe_launch_templates", "LaunchTemplateIds", many=True),
    ),
}
