"""Karpenter: its controller on the system pool, and what tells it that machines are about to go."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

import pulumi
import pulumi_aws as aws
from pulumi_kubernetes.flowcontrol.v1 import FlowSchema, FlowSchemaSpecArgs

from cnai.catalog import catalog, merged
from cnai.catalog.installing import install
from cnai.catalog.placement import on_system_nodes
from cnai.clouds.aws.documents import interruption_queue
from cnai.clouds.aws.identity import NODE_POLICIES, Role, association, pod_role, service_role
from cnai.clouds.aws.karpenter_policy import controller_policy
from cnai.clouds.traits import ClusterTraits

SERVICE_ACCOUNT = "karpenter"
EVENTS: Mapping[str, tuple[str, str]] = {
    "health": ("aws.health", "AWS Health Event"),
    "spot": ("aws.ec2", "EC2 Spot Instance Interruption Warning"),
    "rebalance": ("aws.ec2", "EC2 Instance Rebalance Recommendation"),
    "state": ("aws.ec2", "EC2 Instance State-change Notification"),
    "reservation": ("aws.ec2", "EC2 Capacity Reservation Instance Interruption Warning"),
}
"""https://karpenter.sh/v1.14/reference/cloudformation/#interruption-handling"""


@dataclass(frozen=True, kw_only=True)
class AwsKarpenterArgs:
    traits: ClusterTraits
    cluster: str
    cluster_arn: pulumi.Input[str]
    region: str
    static: bool = False
    """Whether any pool has a `min` that Karpenter keeps: upstream calls static NodePools alpha."""
    values: Mapping[str, Any] = field(default_factory=dict[str, Any])
    """Chart values laid over ours."""


def chart_values(args: AwsKarpenterArgs, queue: pulumi.Input[str]) -> dict[str, Any]:
    settings: dict[str, Any] = {
        "clusterName": args.cluster,
        "interruptionQueue": queue,
        "eksControlPlane": True,
        "featureGates": {"staticCapacity": args.static},
    }
    computed = {
        "settings": settings,
        "serviceAccount": {"name": SERVICE_ACCOUNT},
        **on_system_nodes(args.traits),
    }
    return merged(computed, args.values)


def flow_schemas(namespace: str) -> dict[str, dict[str, Any]]:
    """Karpenter outside kube-system gets its share of the API server by name.

    https://karpenter.sh/v1.14/getting-started/getting-started-with-karpenter/
    """
    account = {"name": SERVICE_ACCOUNT, "namespace": namespace}
    subjects = [{"kind": "ServiceAccount", "serviceAccount": account}]
    leases = {
        "apiGroups": ["coordination.k8s.io"],
        "namespaces": ["*"],
        "resources": ["leases"],
        "verbs": ["get", "create", "update"],
    }
    everything = {"apiGroups": ["*"], "clusterScope": True, "namespaces": ["*"], "resources": ["*"], "verbs": ["*"]}
    urls = {"nonResourceURLs": ["*"], "verbs": ["*"]}
    rules = {
        "leader-election": (200, {"subjects": subjects, "resourceRules": [leases]}),
        "workload": (1000, {"subjects": subjects, "resourceRules": [everything], "nonResourceRules": [urls]}),
    }
    levels = {"leader-election": "leader-election", "workload": "workload-high"}
    return {
        f"karpenter-{what}": {
            "matching_precedence": precedence,
            "priority_level_configuration": {"name": levels[what]},
            "distinguisher_method": {"type": "ByUser"},
            "rules": [rule],
        }
        for what, (precedence, rule) in rules.items()
    }


class AwsKarpenter(pulumi.ComponentResource):
    """The controller, its queue, its rights, and the role of the nodes that it makes."""

    node_role: Role
    release: pulumi.Resource

    def __init__(self, name: str, args: AwsKarpenterArgs, opts: pulumi.ResourceOptions | None = None) -> None:
        super().__init__("cnai:clouds:AwsKarpenter", name, {}, opts)
        self._name, self._args, self._inside = name, args, pulumi.ResourceOptions(parent=self)
        self.node_role = service_role(f"{name}-node", "ec2.amazonaws.com", NODE_POLICIES, self._inside)
        entry = aws.eks.AccessEntry(
            f"{name}-node",
            cluster_name=args.cluster,
            principal_arn=self.node_role.arn,
            type="EC2_LINUX",
            opts=self._inside,
        )
        queue, sending = self._queue()
        rights = self._rights(queue)
        self.release = self._release(queue, [entry, *self.node_role.complete, *sending, rights])
        self.register_outputs({})

    def _queue(self) -> tuple[aws.sqs.Queue, list[pulumi.Resource]]:
        # Five minutes: what is older than that has happened.
        queue = aws.sqs.Queue(
            f"{self._name}-interruptions",
            message_retention_seconds=300,
            sqs_managed_sse_enabled=True,
            opts=self._inside,
        )
        policy = pulumi.Output.json_dumps(interruption_queue(queue.arn))
        sending: list[pulumi.Resource] = [
            aws.sqs.QueuePolicy(f"{self._name}-interruptions", queue_url=queue.url, policy=policy, opts=self._inside)
        ]
        for what, (source, kind) in EVENTS.items():
            pattern = pulumi.Output.json_dumps({"source": [source], "detail-type": [kind]})
            rule = aws.cloudwatch.EventRule(f"{self._name}-{what}", event_pattern=pattern, opts=self._inside)
            target = aws.cloudwatch.EventTarget(
                f"{self._name}-{what}", rule=rule.name, arn=queue.arn, opts=self._inside
            )
            sending.append(target)
        return queue, sending

    def _rights(self, queue: aws.sqs.Queue) -> pulumi.Resource:
        args, package = self._args, catalog()["karpenter"]
        policy = controller_policy(
            cluster=args.cluster,
            cluster_arn=args.cluster_arn,
            region=args.region,
            node_role_arn=self.node_role.arn,
            queue_arn=queue.arn,
        )
        where = (package.namespace, SERVICE_ACCOUNT)
        role = pod_role(f"{self._name}-controller", *where, self._inside, inline=policy)
        return association(f"{self._name}-controller", args.cluster, role, *where, self._inside)

    def _release(self, queue: aws.sqs.Queue, after: list[pulumi.Resource]) -> pulumi.Resource:
        package, opts = catalog()["karpenter"], pulumi.ResourceOptions(parent=self, depends_on=after)
        for name, spec in flow_schemas(package.namespace).items():
            FlowSchema(f"{self._name}-{name}", metadata={"name": name}, spec=FlowSchemaSpecArgs(**spec), opts=opts)
        return install(package.name, f"{self._name}-release", chart_values(self._args, queue.name), opts)
