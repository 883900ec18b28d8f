"""Single points of failure in production, by name, and state without a backup."""

from collections.abc import Iterator, Sequence
from typing import Any

from cnai.policy.fields import at, careful, each, found, holds_unknown, listed, number, readable, selected, text
from cnai.policy.model import Context, Finding, Resource, Rule, Severity, undecided, violation
from cnai.policy.values import Unknown

WORKLOADS = ("apps/Deployment", "apps/StatefulSet", "argoproj.io/Rollout")
SCALERS = {"autoscaling/HorizontalPodAutoscaler": "spec.minReplicas", "keda.sh/ScaledObject": "spec.minReplicaCount"}
COUNTS = {
    "postgresql.cnpg.io/Cluster": ("spec.instances", 2),
    "kafka.strimzi.io/KafkaNodePool": ("spec.replicas", 3),
    "rabbitmq.com/RabbitmqCluster": ("spec.replicas", 3),
}
"""Kind -> the path of its member count, and how many members survive the loss of one."""
STANDBY = {
    "aws:rds/instance:Instance": ("multiAz", (True,)),
    "gcp:sql/databaseInstance:DatabaseInstance": ("settings.availabilityType", ("REGIONAL",)),
    "azure-native:dbforpostgresql:Server": ("highAvailability.mode", ("ZoneRedundant", "SameZone")),
}
"""Type -> the property that enables a standby, and the values that do."""
SCHEDULE = "velero.io/Schedule"


@careful
def _members(resource: Resource, context: Context) -> Iterator[Finding]:
    if context.settings.get("production") is not True:
        return
    path, least = COUNTS[resource.kind]
    count = number(resource.body, path)
    if isinstance(count, Unknown):
        yield undecided("the number of its members is not known yet")
    elif (1 if count is None else count) < least:
        yield violation(f"{resource.name} is a single point of failure: it must have at least {least} members ({path})")


@careful
def _standby(resource: Resource, context: Context) -> Iterator[Finding]:
    if context.settings.get("production") is not True:
        return
    path, good = STANDBY[resource.kind]
    value = at(resource.body, path)
    if isinstance(value, Unknown):
        yield undecided(f"{path} is not known yet")
    elif not any(value is each or (isinstance(value, str) and value == each) for each in good):
        yield violation(f"{resource.name} is a single point of failure: it must have a standby ({path})")


def _behind_services(resources: Sequence[Resource], context: Context) -> Iterator[Finding]:
    if context.settings.get("production") is not True:
        return
    services = [one for one in readable(resources, "spec.selector['*']") if one.kind == "Service"]
    scalers = [one for one in readable(resources, "spec.scaleTargetRef.name", *SCALERS.values()) if one.kind in SCALERS]

    def judge(resource: Resource) -> Iterator[Finding]:
        count = number(resource.body, "spec.replicas")
        if not isinstance(count, Unknown) and count is not None and count != 1:
            return
        labels = at(resource.body, "spec.template.metadata.labels") or {}
        near = [one for one in services if one.namespace == resource.namespace and at(one.body, "spec.selector")]
        answers = {one.name: selected({"matchLabels": at(one.body, "spec.selector")}, labels) for one in near}
        behind = [name for name, answer in answers.items() if answer]
        if any(_keeps_two(one, resource) for one in scalers):
            return
        if isinstance(count, Unknown) or (not behind and None in answers.values()):
            yield undecided("whether it is a single point of failure is not known yet", resource=resource)
        elif behind:
            told = f"{resource.name} is a single point of failure: Service {behind[0]} has a single replica"
            yield violation(f"{told}, and it must have at least 2", resource=resource)

    yield from each(judge, (one for one in resources if one.kind in WORKLOADS))


def _keeps_two(scaler: Resource, target: Resource) -> bool:
    least = at(scaler.body, SCALERS[scaler.kind])
    named = at(scaler.body, "spec.scaleTargetRef.name") == target.name
    return named and scaler.namespace == target.namespace and isinstance(least, int) and least >= 2


def _backups(resources: Sequence[Resource], context: Context) -> Iterator[Finding]:
    if context.settings.get("production") is not True:
        return
    paths = ("spec.template.includedNamespaces[*]", "spec.template.excludedNamespaces[*]")
    schedules = [one for one in readable(resources, *paths) if one.kind == SCHEDULE]

    def judge(resource: Resource) -> Iterator[Finding]:
        claims = listed(resource.body, "spec.volumeClaimTemplates")
        namespace = text(resource.body, "metadata.namespace")
        if not isinstance(claims, Unknown) and not claims:
            return
        answers = [_covers(one, namespace) for one in schedules]
        if any(answers):
            return
        if isinstance(claims, Unknown) or None in answers:
            yield undecided("whether its volumes are backed up is not known yet", resource=resource)
        else:
            yield violation("its volumes must be backed up: no Velero Schedule covers its namespace", resource=resource)

    yield from each(judge, (one for one in resources if one.kind == "apps/StatefulSet"))


def _covers(schedule: Resource, namespace: Any) -> bool | None:
    template = at(schedule.body, "spec.template")
    if holds_unknown(template) or isinstance(namespace, Unknown):
        return None
    within = [one.value for one in found(schedule.body, "spec.template.includedNamespaces[*]")]
    without = [one.value for one in found(schedule.body, "spec.template.excludedNamespaces[*]")]
    return (not within or "*" in within or namespace in within) and namespace not in without


SINGLE: dict[str, Any] = {
    "title": "Nothing in production fails with one machine",
    "why": "One failing node, zone or process takes the platform down with it.",
    "frameworks": {"soc2": ("A1.2",)},
}
RULES = [
    Rule(
        id="singleReplicas",
        severity=Severity.MEDIUM,
        remediation="Set spec.replicas, or the autoscaler's minimum, to at least 2.",
        applies=(*WORKLOADS, "Service", *SCALERS),
        set_predicate=_behind_services,
        **SINGLE,
    ),
    Rule(
        id="singleMembers",
        severity=Severity.HIGH,
        remediation="Raise the number of members.",
        applies=tuple(COUNTS),
        predicate=_members,
        **SINGLE,
    ),
    Rule(
        id="databaseStandby",
        severity=Severity.HIGH,
        remediation="Enable the standby in another zone.",
        applies=tuple(STANDBY),
        predicate=_standby,
        **SINGLE,
    ),
    Rule(
        id="statefulBackups",
        title="State in production is backed up",
        why="A volume survives its pod, but neither its cluster nor a mistake.",
        severity=Severity.HIGH,
        remediation="Add a Velero Schedule whose template includes the namespace.",
        frameworks={"soc2": ("A1.2",)},
        applies=("apps/StatefulSet", SCHEDULE),
        set_predicate=_backups,
    ),
]
