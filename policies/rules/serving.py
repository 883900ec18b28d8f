"""Serving workloads survive the loss of a node and of a zone."""

from collections.abc import Iterator, Sequence
from typing import Any

from cnai.policy.fields import at, careful, each, found, mapping, number, readable, selected, text
from cnai.policy.model import Context, Finding, Resource, Rule, Severity, undecided, violation
from cnai.policy.values import Unknown

KINDS = ("apps/Deployment", "apps/StatefulSet", "argoproj.io/Rollout")
BUDGET = "policy/PodDisruptionBudget"
SCALERS = {"autoscaling/HorizontalPodAutoscaler": "spec.minReplicas", "keda.sh/ScaledObject": "spec.minReplicaCount"}
ROLES = frozenset(("predictor", "serving", "inference", "model-server", "transformer"))


def serves(template: Any) -> bool | None:
    """By its priority class, KServe's label, or the usual component label; None if that is not known.

    Raises `WrongType`.
    """
    priority, labels = text(template, "spec.priorityClassName"), mapping(template, "metadata.labels")
    if priority == "cnai-serving":
        return True
    if isinstance(labels, Unknown):
        return None
    component = labels.get("app.kubernetes.io/component")
    if "serving.kserve.io/inferenceservice" in labels or (isinstance(component, str) and component in ROLES):
        return True
    return None if isinstance(priority, Unknown) or isinstance(component, Unknown) else False


def _served(resource: Resource) -> bool | None:
    template = at(resource.body, "spec.template")
    return None if isinstance(template, Unknown) else serves(template)


@careful
def _spread(resource: Resource, _: Context) -> Iterator[Finding]:
    served, count = _served(resource), number(resource.body, "spec.replicas")
    if served is False or count == 1:
        return
    ways = ("spec.template.spec.topologySpreadConstraints[*]", "spec.template.spec.affinity.podAntiAffinity['*']")
    told = [one.value for path in ways for one in found(resource.body, path)]
    if any(not isinstance(one, Unknown) for one in told):
        return
    if served is None or told or isinstance(count, Unknown):
        yield undecided("whether it serves, or how its pods spread, is not known yet")
    else:
        yield violation("serving workloads must spread their pods (topologySpreadConstraints)")


@careful
def _replicas(resource: Resource, context: Context) -> Iterator[Finding]:
    if context.settings.get("production") is not True or (served := _served(resource)) is False:
        return
    count = number(resource.body, "spec.replicas")
    if served is None or isinstance(count, Unknown):
        yield undecided("whether it serves, or with how many replicas, is not known yet")
    elif (1 if count is None else count) < 2 and not _scaled(resource, context.resources):
        yield violation("serving workloads in production must have at least 2 replicas")


def _scaled(resource: Resource, others: Sequence[Resource]) -> bool:
    """Whether an autoscaler keeps at least two."""
    for other in readable(others, "spec.scaleTargetRef.name", *SCALERS.values()):
        if other.kind in SCALERS and other.namespace == resource.namespace:
            least = at(other.body, SCALERS[other.kind])
            if at(other.body, "spec.scaleTargetRef.name") == resource.name:
                return isinstance(least, int) and least >= 2
    return False


def _budgets(resources: Sequence[Resource], _: Context) -> Iterator[Finding]:
    budgets = [one for one in readable(resources, "spec.selector.matchLabels['*']") if one.kind == BUDGET]

    def judge(resource: Resource) -> Iterator[Finding]:
        served = _served(resource)
        if served is False or number(resource.body, "spec.replicas") in (None, 0, 1):
            return
        labels = at(resource.body, "spec.template.metadata.labels") or {}
        near = [one for one in budgets if one.namespace == resource.namespace]
        answers = [selected(at(one.body, "spec.selector") or {}, labels) for one in near]
        if any(answers):
            return
        if served is None or None in answers:
            yield undecided("whether it serves, or a budget selects it, is not known yet", resource=resource)
        else:
            yield violation("serving workloads must have a PodDisruptionBudget", resource=resource)

    yield from each(judge, (one for one in resources if one.kind in KINDS))


RULES = [
    Rule(
        id="servingSpread",
        title="Serving workloads are spread over nodes and zones",
        why="All replicas on one node are one replica on the day the node fails.",
        severity=Severity.MEDIUM,
        remediation="Add topologySpreadConstraints over topology.kubernetes.io/zone and kubernetes.io/hostname.",
        frameworks={"soc2": ("A1.2",)},
        applies=KINDS,
        predicate=_spread,
    ),
    Rule(
        id="servingReplicas",
        title="Serving workloads in production have two replicas",
        why="With one replica every rollout, drain and crash is an outage.",
        severity=Severity.HIGH,
        remediation="Set spec.replicas, or the autoscaler's minimum, to at least 2.",
        frameworks={"soc2": ("A1.2",)},
        applies=KINDS,
        predicate=_replicas,
    ),
    Rule(
        id="servingDisruptionBudget",
        title="Serving workloads have a disruption budget",
        why="A node drain or upgrade may otherwise take down all replicas at once.",
        severity=Severity.MEDIUM,
        remediation="Add a PodDisruptionBudget that selects its pods, with maxUnavailable 1.",
        frameworks={"soc2": ("A1.2",)},
        applies=(*KINDS, BUDGET),
        set_predicate=_budgets,
    ),
]
