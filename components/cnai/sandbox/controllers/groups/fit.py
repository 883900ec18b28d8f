"""Whether a pod would be placed on a node: by selectors, required node affinity, taints and resources.

Not looked at: affinity between pods and spread over zones, volumes, host ports, resource claims, and whatever is only
preferred. A pod with anti-affinity to its own kind gets its own node.
"""

from collections.abc import Mapping
from decimal import Decimal
from typing import Any

from cnai.sandbox.controllers.groups.facts import Amounts, Node, Pod

UNTOLERATED = "node(s) had untolerated taint(s)"
UNMATCHED = "node(s) didn't match Pod's node affinity/selector"


def misfit(pod: Pod, node: Node, free: Amounts) -> str:
    """Why not, in the scheduler's words; empty where it fits."""
    if not matches(pod, node):
        return UNMATCHED
    if any(not tolerated(pod, taint) for taint in node.taints):
        return UNTOLERATED
    for name, amount in pod.requests.items():
        if amount > free.get(name, Decimal(0)):
            return "Too many pods" if name == "pods" else f"Insufficient {name}"
    return ""


def matches(pod: Pod, node: Node) -> bool:
    if any(node.labels.get(key) != value for key, value in pod.selector.items()):
        return False
    return pod.affinity is None or any(_term(term, node) for term in pod.affinity)


def _term(term: Mapping[str, Any], node: Node) -> bool:
    expressions, fields = term.get("matchExpressions") or [], term.get("matchFields") or []
    named = {"metadata.name": node.name}
    holds = [_holds(one, node.labels) for one in expressions] + [_holds(one, named) for one in fields]
    return bool(holds) and all(holds)


def _holds(expression: Mapping[str, Any], labels: Mapping[str, str]) -> bool:
    operator, value, values = expression["operator"], labels.get(expression["key"]), expression.get("values") or []
    if operator in ("Exists", "DoesNotExist"):
        return (value is not None) == (operator == "Exists")
    if operator in ("In", "NotIn"):
        return (value in values) == (operator == "In")
    if value is None or not value.lstrip("-").isdigit():
        return False
    return int(value) > int(values[0]) if operator == "Gt" else int(value) < int(values[0])


def tolerated(pod: Pod, taint: Mapping[str, str]) -> bool:
    """Taints that only say what is preferred keep no pod away."""
    return taint["effect"] == "PreferNoSchedule" or any(_tolerates(one, taint) for one in pod.tolerations)


def _tolerates(toleration: Mapping[str, str], taint: Mapping[str, str]) -> bool:
    if toleration.get("effect") not in (None, "", taint["effect"]):
        return False
    if toleration.get("operator", "Equal") == "Exists":
        return toleration.get("key") in (None, "", taint["key"])
    return toleration.get("key") == taint["key"] and toleration.get("value", "") == taint.get("value", "")
