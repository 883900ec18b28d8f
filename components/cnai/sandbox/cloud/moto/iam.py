"""IAM in moto: roles, policies and who has which."""

import json
from collections.abc import Mapping
from typing import Any

from cnai.sandbox.cloud.backends import Made
from cnai.sandbox.cloud.moto.calls import AwsError, Calls
from cnai.sandbox.cloud.moto.handler import Handler, Inputs, renamed, tag_list
from cnai.sandbox.cloud.moto.managed import MANAGED_BY_AWS, managed_policies
from cnai.sandbox.cloud.store import CloudResource


def document(given: Any) -> str:
    return given if isinstance(given, str) else json.dumps(given)


def role(calls: Calls, inputs: Inputs) -> Made:
    given = renamed(
        inputs,
        name="RoleName",
        path="Path",
        description="Description",
        maxSessionDuration="MaxSessionDuration",
        permissionsBoundary="PermissionsBoundary",
    )
    trust = document(inputs["assumeRolePolicy"])
    made = calls("iam", "create_role", **given, AssumeRolePolicyDocument=trust, Tags=tag_list(inputs))["Role"]
    for each in inputs.get("inlinePolicies") or ():
        named = {"RoleName": made["RoleName"], "PolicyName": each["name"]}
        calls("iam", "put_role_policy", **named, PolicyDocument=each["policy"])
    for arn in inputs.get("managedPolicyArns") or ():
        attach(calls, {"role": made["RoleName"], "policyArn": arn})
    return Made(made["RoleName"], {"arn": made["Arn"], "uniqueId": made["RoleId"]})


def role_changed(calls: Calls, record: CloudResource, inputs: Inputs) -> Made:
    trust = document(inputs["assumeRolePolicy"])
    calls("iam", "update_assume_role_policy", RoleName=record.id, PolicyDocument=trust)
    return Made()


def role_gone(calls: Calls, record: CloudResource) -> None:
    """What is within the role's own resource goes with it; what others attached keeps it from going, as on AWS."""
    for each in record.inputs.get("inlinePolicies") or ():
        calls("iam", "delete_role_policy", RoleName=record.id, PolicyName=each["name"])
    for arn in record.inputs.get("managedPolicyArns") or ():
        detach(calls, record.id, arn)
    calls("iam", "delete_role", RoleName=record.id)


def attach(calls: Calls, inputs: Inputs) -> Made:
    role, arn = inputs["role"], inputs["policyArn"]
    try:
        calls("iam", "attach_role_policy", RoleName=role, PolicyArn=arn)
    except AwsError:
        # moto has a part of AWS's own policies: those that it lacks are held against a list.
        if calls.present("iam", "get_role", RoleName=role) is None or arn not in managed_policies():
            raise
    return Made()


def detach(calls: Calls, role: str, arn: str) -> None:
    try:
        calls("iam", "detach_role_policy", RoleName=role, PolicyArn=arn)
    except AwsError as error:
        if not (error.absent and arn.startswith(MANAGED_BY_AWS)):
            raise


def attachment_there(calls: Calls, record: CloudResource) -> bool:
    role, arn = record.inputs["role"], record.inputs["policyArn"]
    found = calls("iam", "list_attached_role_policies", RoleName=role)["AttachedPolicies"]
    return any(each["PolicyArn"] == arn for each in found) or arn in managed_policies()


def policy(calls: Calls, inputs: Inputs) -> Made:
    given = renamed(inputs, name="PolicyName", path="Path", description="Description")
    text = document(inputs["policy"])
    made = calls("iam", "create_policy", **given, PolicyDocument=text, Tags=tag_list(inputs))["Policy"]
    return Made(made["Arn"], {"arn": made["Arn"], "policyId": made["PolicyId"]})


def policy_changed(calls: Calls, record: CloudResource, inputs: Inputs) -> Made:
    versions = calls("iam", "list_policy_versions", PolicyArn=record.id)["Versions"]
    spare = [each["VersionId"] for each in versions if not each["IsDefaultVersion"]]
    if len(versions) >= 5:
        calls("iam", "delete_policy_version", PolicyArn=record.id, VersionId=spare[-1])
    text = document(inputs["policy"])
    calls("iam", "create_policy_version", PolicyArn=record.id, PolicyDocument=text, SetAsDefault=True)
    return Made()


def policy_gone(calls: Calls, record: CloudResource) -> None:
    for each in calls("iam", "list_policy_versions", PolicyArn=record.id)["Versions"]:
        if not each["IsDefaultVersion"]:
            calls("iam", "delete_policy_version", PolicyArn=record.id, VersionId=each["VersionId"])
    calls("iam", "delete_policy", PolicyArn=record.id)


def inline(calls: Calls, inputs: Inputs) -> Made:
    text = document(inputs["policy"])
    calls("iam", "put_role_policy", RoleName=inputs["role"], PolicyName=inputs["name"], PolicyDocument=text)
    return Made()


def _inline(record: CloudResource) -> dict[str, Any]:
    return {"RoleName": record.inputs["role"], "PolicyName": record.inputs["name"]}


def profile(calls: Calls, inputs: Inputs) -> Made:
    given = renamed(inputs, name="InstanceProfileName", path="Path")
    made = calls("iam", "create_instance_profile", **given, Tags=tag_list(inputs))["InstanceProfile"]
    if inputs.get("role"):
        name = made["InstanceProfileName"]
        calls("iam", "add_role_to_instance_profile", InstanceProfileName=name, RoleName=inputs["role"])
    return Made(made["InstanceProfileName"], {"arn": made["Arn"], "uniqueId": made["InstanceProfileId"]})


def profile_gone(calls: Calls, record: CloudResource) -> None:
    if role := record.outputs.get("role"):
        calls("iam", "remove_role_from_instance_profile", InstanceProfileName=record.id, RoleName=role)
    calls("iam", "delete_instance_profile", InstanceProfileName=record.id)


def issuer(calls: Calls, inputs: Inputs) -> Made:
    if not str(inputs["url"]).startswith("https://"):
        words = f"Invalid Open ID Connect Url {inputs['url']}: it has to start with https://"
        raise AwsError("CreateOpenIDConnectProvider", "ValidationError", words)
    made = calls(
        "iam",
        "create_open_id_connect_provider",
        Url=inputs["url"],
        ClientIDList=list(inputs["clientIdLists"]),
        # AWS finds the thumbprint by itself; moto wants one.
        ThumbprintList=list(inputs.get("thumbprintLists") or ["0" * 40]),
        Tags=tag_list(inputs),
    )
    return Made(made["OpenIDConnectProviderArn"], {"arn": made["OpenIDConnectProviderArn"]})


HANDLERS: Mapping[str, Handler] = {
    "aws:iam/role:Role": Handler(
        make=role,
        change=role_changed,
        drop=role_gone,
        look=lambda calls, record: calls("iam", "get_role", RoleName=record.id),
    ),
    "aws:iam/policy:Policy": Handler(
        make=policy,
        change=policy_changed,
        drop=policy_gone,
        look=lambda calls, record: calls("iam", "get_policy", PolicyArn=record.id),
    ),
    "aws:iam/rolePolicy:RolePolicy": Handler(
        make=inline,
        change=lambda calls, record, inputs: inline(calls, inputs),
        drop=lambda calls, record: calls("iam", "delete_role_policy", **_inline(record)),
        look=lambda calls, record: calls("iam", "get_role_policy", **_inline(record)),
    ),
    "aws:iam/rolePolicyAttachment:RolePolicyAttachment": Handler(
        make=attach,
        drop=lambda calls, record: detach(calls, record.inputs["role"], record.inputs["policyArn"]),
        look=attachment_there,
    ),
    "aws:iam/instanceProfile:InstanceProfile": Handler(
        make=profile,
        drop=profile_gone,
        look=lambda calls, record: calls("iam", "get_instance_profile", InstanceProfileName=record.id),
    ),
    "aws:iam/openIdConnectProvider:OpenIdConnectProvider": Handler(
        make=issuer,
        drop=lambda calls, record: calls("iam", "delete_open_id_connect_provider", OpenIDConnectProviderArn=record.id),
        look=lambda calls, record: calls("iam", "get_open_id_connect_provider", OpenIDConnectProviderArn=record.id),
    ),
}
