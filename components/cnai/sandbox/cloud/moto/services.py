"""ECR, KMS, SQS, EventBridge and CloudWatch Logs in moto."""

from collections.abc import Callable, Mapping
from typing import Any

from cnai.sandbox.cloud.backends import Made
from cnai.sandbox.cloud.moto.calls import AwsError, Calls
from cnai.sandbox.cloud.moto.handler import Handler, Inputs, renamed, tag_list
from cnai.sandbox.cloud.moto.iam import document
from cnai.sandbox.cloud.store import Record

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


def _of_repository(operation: str) -> Callable[[Calls, Record], object]:
    def call(calls: Calls, record: Record) -> object:
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


def key_changed(calls: Calls, record: Record, inputs: Inputs) -> Made:
    if inputs.get("policy"):
        calls("kms", "put_key_policy", KeyId=record.id, PolicyName="default", Policy=document(inputs["policy"]))
    rotate(calls, record.id, inputs)
    return Made()


def key_there(calls: Calls, record: Record) -> bool:
    return calls("kms", "describe_key", KeyId=record.id)["KeyMetadata"]["KeyState"] != "PendingDeletion"


def alias(calls: Calls, inputs: Inputs) -> Made:
    calls("kms", "create_alias", AliasName=inputs["name"], TargetKeyId=inputs["targetKeyId"])
    return Made()


def alias_there(calls: Calls, record: Record) -> bool:
    found = calls("kms", "list_aliases", KeyId=record.inputs["targetKeyId"])["Aliases"]
    return any(each["AliasName"] == record.inputs["name"] for each in found)


QUEUE = {
    "messageRetentionSeconds": "MessageRetentionPeriod",
    "visibilityTimeoutSeconds": "VisibilityTimeout",
    "delaySeconds": "DelaySeconds",
    "kmsMasterKeyId": "KmsMasterKeyId",
    "sqsManagedSseEnabled": "SqsManagedSseEnabled",
    "fifoQueue": "FifoQueue",
}


def queue(calls: Calls, inputs: Inputs) -> Made:
    attributes = {theirs: _text(value) for theirs, value in renamed(inputs, **QUEUE).items()}
    if inputs.get("policy"):
        attributes["Policy"] = document(inputs["policy"])
    tags = inputs.get("tags") or None
    calls("sqs", "create_queue", QueueName=inputs["name"], Attributes=attributes or None, tags=tags)
    # Its address is AWS's, and not that of the moto behind it.
    return Made()


def _text(value: Any) -> str:
    return str(value).lower() if isinstance(value, bool) else str(value)


def _url(calls: Calls, address: str) -> str:
    return str(calls("sqs", "get_queue_url", QueueName=address.rpartition("/")[2])["QueueUrl"])


def queue_policy(calls: Calls, inputs: Inputs) -> Made:
    url, text = _url(calls, inputs["queueUrl"]), document(inputs["policy"])
    calls("sqs", "set_queue_attributes", QueueUrl=url, Attributes={"Policy": text})
    return Made()


def queue_policy_gone(calls: Calls, record: Record) -> None:
    url = _url(calls, record.inputs["queueUrl"])
    calls("sqs", "set_queue_attributes", QueueUrl=url, Attributes={"Policy": ""})


def event_rule(calls: Calls, inputs: Inputs) -> Made:
    given = renamed(
        inputs,
        name="Name",
        description="Description",
        eventPattern="EventPattern",
        scheduleExpression="ScheduleExpression",
        state="State",
        eventBusName="EventBusName",
    )
    made = calls("events", "put_rule", **given, Tags=tag_list(inputs))
    return Made(outputs={"arn": made["RuleArn"]})


def _rule(record: Record) -> dict[str, Any]:
    return renamed(record.inputs, name="Name", eventBusName="EventBusName")


def target(calls: Calls, inputs: Inputs) -> Made:
    restored = inputs.get("__restored") or {}
    name = inputs.get("targetId") or restored.get("targetId") or calls.made_up("terraform-{hex:26}")
    entry = {"Id": name, "Arn": inputs["arn"]} | renamed(inputs, roleArn="RoleArn", input="Input")
    bus = renamed(inputs, eventBusName="EventBusName")
    done = calls("events", "put_targets", Rule=inputs["rule"], Targets=[entry], **bus)
    if done.get("FailedEntryCount"):
        first = done["FailedEntries"][0]
        raise AwsError("PutTargets", first.get("ErrorCode", ""), first.get("ErrorMessage", ""))
    return Made(f"{inputs['rule']}-{name}", {"targetId": name})


def target_gone(calls: Calls, record: Record) -> None:
    bus = renamed(record.inputs, eventBusName="EventBusName")
    calls("events", "remove_targets", Rule=record.inputs["rule"], Ids=[record.outputs["targetId"]], **bus)


def target_there(calls: Calls, record: Record) -> bool:
    found = calls("events", "list_targets_by_rule", Rule=record.inputs["rule"])["Targets"]
    return any(each["Id"] == record.outputs["targetId"] for each in found)


def log_group(calls: Calls, inputs: Inputs) -> Made:
    given = renamed(inputs, name="logGroupName", kmsKeyId="kmsKeyId", logGroupClass="logGroupClass")
    calls("logs", "create_log_group", **given, tags=inputs.get("tags") or None)
    kept(calls, inputs)
    return Made()


def kept(calls: Calls, inputs: Inputs) -> None:
    if days := inputs.get("retentionInDays"):
        calls("logs", "put_retention_policy", logGroupName=inputs["name"], retentionInDays=days)


def log_group_changed(calls: Calls, record: Record, inputs: Inputs) -> Made:
    del record
    kept(calls, inputs)
    return Made()


def log_group_there(calls: Calls, record: Record) -> bool:
    found = calls("logs", "describe_log_groups", logGroupNamePrefix=record.id)["logGroups"]
    return any(each["logGroupName"] == record.id for each in found)


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
    "aws:sqs/queue:Queue": Handler(
        make=queue,
        drop=lambda calls, record: calls("sqs", "delete_queue", QueueUrl=_url(calls, record.id)),
        look=lambda calls, record: _url(calls, record.id),
    ),
    "aws:sqs/queuePolicy:QueuePolicy": Handler(
        make=queue_policy,
        change=lambda calls, record, inputs: queue_policy(calls, inputs),
        drop=queue_policy_gone,
        look=lambda calls, record: _url(calls, record.inputs["queueUrl"]),
    ),
    "aws:cloudwatch/eventRule:EventRule": Handler(
        make=event_rule,
        change=lambda calls, record, inputs: event_rule(calls, inputs),
        drop=lambda calls, record: calls("events", "delete_rule", **_rule(record)),
        look=lambda calls, record: calls("events", "describe_rule", **_rule(record)),
    ),
    "aws:cloudwatch/eventTarget:EventTarget": Handler(
        make=target,
        change=lambda calls, record, inputs: target(calls, {**inputs, "targetId": record.outputs["targetId"]}),
        drop=target_gone,
        look=target_there,
    ),
    "aws:cloudwatch/logGroup:LogGroup": Handler(
        make=log_group,
        change=log_group_changed,
        drop=lambda calls, record: calls("logs", "delete_log_group", logGroupName=record.id),
        look=log_group_there,
    ),
}
