"""IAM policy documents, as plain data: who may do what, and nothing beyond it."""

from collections.abc import Mapping, Sequence
from typing import Any

import pulumi

Text = pulumi.Input[str]
Document = dict[str, Any]


def document(*statements: Mapping[str, Any]) -> Document:
    return {"Version": "2012-10-17", "Statement": [dict(each) for each in statements]}


def statement(actions: Sequence[str], resources: Sequence[Text], **rest: Any) -> Document:
    return {"Effect": "Allow", "Action": list(actions), "Resource": list(resources), **rest}


def trusts_service(service: str) -> Document:
    return document({"Effect": "Allow", "Principal": {"Service": service}, "Action": "sts:AssumeRole"})


def trusts_pods(namespace: str, service_account: str) -> Document:
    """Pods of one service account, through EKS Pod Identity and no other way.

    https://docs.aws.amazon.com/eks/latest/userguide/pod-id-abac.html
    """
    tags = {"kubernetes-namespace": namespace, "kubernetes-service-account": service_account}
    return document(
        {
            "Effect": "Allow",
            "Principal": {"Service": "pods.eks.amazonaws.com"},
            "Action": ["sts:AssumeRole", "sts:TagSession"],
            "Condition": {"StringEquals": {f"aws:RequestTag/{key}": value for key, value in tags.items()}},
        }
    )


def writes_logs(group_arn: Text) -> Document:
    """For flow logs: streams and events of one log group."""
    actions = ("logs:CreateLogStream", "logs:PutLogEvents", "logs:DescribeLogStreams")
    return document(statement(actions, [group_arn, pulumi.Output.format("{0}:*", group_arn)]))


def only_tls(bucket_arn: Text) -> Document:
    everything = [bucket_arn, pulumi.Output.format("{0}/*", bucket_arn)]
    return document(
        {
            "Sid": "OnlyTls",
            "Effect": "Deny",
            "Principal": "*",
            "Action": "s3:*",
            "Resource": everything,
            "Condition": {"Bool": {"aws:SecureTransport": "false"}},
        }
    )


def team_data(team: str, models: Text, data: Text, key: Text) -> Document:
    """Reads models; reads and writes below `<team>/` in the data bucket. `models`, `data` and `key` are ARNs."""
    own = {"StringLike": {"s3:prefix": [f"{team}/*", f"{team}/"]}}
    files = (
        "s3:GetObject",
        "s3:PutObject",
        "s3:DeleteObject",
        "s3:AbortMultipartUpload",
        "s3:ListMultipartUploadParts",
    )
    return document(
        statement(["s3:ListBucket"], [models], Sid="ListModels"),
        statement(["s3:GetObject"], [pulumi.Output.format("{0}/*", models)], Sid="ReadModels"),
        statement(["s3:ListBucket"], [data], Sid="ListOwnData", Condition=own),
        statement(files, [pulumi.Output.format("{0}/{1}/*", data, team)], Sid="OwnData"),
        statement(["kms:Decrypt", "kms:GenerateDataKey"], [key], Sid="UseTheKey"),
    )


def interruption_queue(queue_arn: Text) -> Document:
    """EventBridge may send to it, and nobody without TLS may do anything with it."""
    return document(
        {
            "Sid": "EventBridge",
            "Effect": "Allow",
            "Principal": {"Service": ["events.amazonaws.com", "sqs.amazonaws.com"]},
            "Action": "sqs:SendMessage",
            "Resource": queue_arn,
        },
        {
            "Sid": "OnlyTls",
            "Effect": "Deny",
            "Principal": "*",
            "Action": "sqs:*",
            "Resource": queue_arn,
            "Condition": {"Bool": {"aws:SecureTransport": "false"}},
        },
    )
