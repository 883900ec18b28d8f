"""SQS, EventBridge and CloudWatch Logs in moto."""

from collections.abc import Mapping
from typing import Any

from cnai.sandbox.cloud.backends import Made
from cnai.sandbox.cloud.moto.calls import AwsError, Calls
from cnai.sandbox.cloud.moto.handler import Handler, Inputs, renamed, tag_list
from cnai.sandbox.cloud.moto.iam import document
from cnai.sandbox.cloud.store import CloudResource

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


def queue_policy_gone(calls: Calls, record: CloudResource) -> None:
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


def _rule(record: CloudResource) -> dict[str, Any]:
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


def target_gone(calls: Calls, record: CloudResource) -> None:
    bus = renamed(record.inputs, eventBusName="EventBusName")
    calls("events", "remove_targets", Rule=record.inputs["rule"], Ids=[record.outputs["targetId"]], **bus)


def target_there(calls: Calls, record: CloudResource) -> bool:
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


def log_group_changed(calls: Calls, record: CloudResource, inputs: Inputs) -> Made:
    del record
    kept(calls, inputs)
    return Made()


def log_group_there(calls: Calls, record: CloudResource) -> bool:
    found = calls("logs", "describe_log_groups", logGroupNamePrefix=record.id)["logGroups"]
    return any(each["logGroupName"] == record.id for each in found)


HANDLERS: Mapping[str, Handler] = {
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
