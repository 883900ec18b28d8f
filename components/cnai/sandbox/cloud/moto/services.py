"""ECR and KMS in moto."""

from collections.abc import Callable, Mapping
from typing import Any

from cnai.sandbox.cloud.backends import Made
from cnai.sandbox.cloud.moto.calls import Calls
from cnai.sandbox.cloud.moto.handler import Handler, Inputs, renamed, tag_list
from cnai.sandbox.cloud.moto.iam import document
from cnai.sandbox.cloud.store import CloudResource

LONG_ENOUGH_DAYS = 7
"""The shortest time that KMS lets pass before a key is really gone."""


def repository(calls: Calls, inputs: Inputs) -> Made:
    scan = (inputs.get("imageScanningConfiguration") or {}).get("scanOnPush")
    made = calls(
        "ecr",
        "create_repository",
        repositoryName=inputs["name"],
        imageTagMutability=inputs.get("imageTagMutability"),
        imageScanningConfiguration=None if scan is None else {"scanOnPush": scan},
        encryptionConfiguration=_encryption(inputs),
        tags=tag_list(inputs),
    )["repository"]
    return Made(made["repositoryName"], {"arn": made["repositoryArn"]})


def _encryption(inputs: Inputs) -> dict[str, Any] | None:
    given = next(iter(inputs.get("encryptionConfigurations") or ()), None)
    return renamed(given, encryptionType="encryptionType", kmsKey="kmsKey") if given else None


def lifecycle(calls: Calls, inputs: Inputs) -> Made:
    text = document(inputs["policy"])
    calls("ecr", "put_lifecycle_policy", repositoryName=inputs["repository"], lifecyclePolicyText=text)
    return Made()


def repository_policy(calls: Calls, inputs: Inputs) -> Made:
    text = document(inputs["policy"])
    calls("ecr", "set_repository_policy", repositoryName=inputs["repository"], policyText=text)
    return Made()


def _of_repository(operation: str) -> Callable[[Calls, CloudResource], object]:
    def call(calls: Calls, record: CloudResource) -> object:
        return calls("ecr", operation, repositoryName=record.inputs["repository"])

    return call


def key(calls: Calls, inputs: Inputs) -> Made:
    given = renamed(inputs, description="Description", keyUsage="KeyUsage", customerMasterKeySpec="KeySpec")
    policy = document(inputs["policy"]) if inputs.get("policy") else None
    tags = [{"TagKey": each["Key"], "TagValue": each["Value"]} for each in tag_list(inputs)]
    made = calls("kms", "create_key", **given, Policy=policy, MultiRegion=inputs.get("multiRegion"), Tags=tags)
    found = made["KeyMetadata"]
    rotate(calls, found["KeyId"], inputs)
    return Made(found["KeyId"], {"arn": found["Arn"], "keyId": found["KeyId"]})


def rotate(calls: Calls, given: str, inputs: Inputs) -> None:
    if inputs.get("enableKeyRotation"):
        calls("kms", "enable_key_rotation", KeyId=given)


def key_changed(calls: Calls, record: CloudResource, inputs: Inputs) -> Made:
    if inputs.get("policy"):
        calls("kms", "put_key_policy", KeyId=record.id, PolicyName="default", Policy=document(inputs["policy"]))
    rotate(calls, record.id, inputs)
    return Made()


def key_there(calls: Calls, record: CloudResource) -> bool:
    return calls("kms", "describe_key", KeyId=record.id)["KeyMetadata"]["KeyState"] != "PendingDeletion"


def alias(calls: Calls, inputs: Inputs) -> Made:
    calls("kms", "create_alias", AliasName=inputs["name"], TargetKeyId=inputs["targetKeyId"])
    return Made()


def alias_there(calls: Calls, record: CloudResource) -> bool:
    found = calls("kms", "list_aliases", KeyId=record.inputs["targetKeyId"])["Aliases"]
    return any(each["AliasName"] == record.inputs["name"] for each in found)


HANDLERS: Mapping[str, Handler] = {
    "aws:ecr/repository:Repository": Handler(
        make=repository,
        drop=lambda calls, record: calls(
            "ecr", "delete_repository", repositoryName=record.id, force=record.outputs.get("forceDelete")
        ),
        look=lambda calls, record: calls("ecr", "describe_repositories", repositoryNames=[record.id]),
    ),
    "aws:ecr/lifecyclePolicy:LifecyclePolicy": Handler(
        make=lifecycle, drop=_of_repository("delete_lifecycle_policy"), look=_of_repository("get_lifecycle_policy")
    ),
    "aws:ecr/repositoryPolicy:RepositoryPolicy": Handler(
        make=repository_policy,
        change=lambda calls, record, inputs: repository_policy(calls, inputs),
        drop=_of_repository("delete_repository_policy"),
        look=_of_repository("get_repository_policy"),
    ),
    "aws:kms/key:Key": Handler(
        make=key,
        change=key_changed,
        drop=lambda calls, record: calls(
            "kms",
            "schedule_key_deletion",
            KeyId=record.id,
            PendingWindowInDays=record.inputs.get("deletionWindowInDays", LONG_ENOUGH_DAYS),
        ),
        look=key_there,
    ),
    "aws:kms/alias:Alias": Handler(
        make=alias,
        change=lambda calls, record, inputs: Made(
            outputs=calls("kms", "update_alias", AliasName=record.id, TargetKeyId=inputs["targetKeyId"]) and {}
        ),
        drop=lambda calls, record: calls("kms", "delete_alias", AliasName=record.id),
        look=alias_there,
    ),
}
