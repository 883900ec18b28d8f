"""Data rules as ValidatingAdmissionPolicies: what the API server itself refuses."""

from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from cnai.policy import cel
from cnai.policy.model import Level, Rule
from cnai.policy.workloads import Workload, workloads

Object = dict[str, Any]
KIND = "request.kind.group == '' ? request.kind.kind : request.kind.group + '/' + request.kind.kind"
ACTIONS: Mapping[Level, tuple[str, ...]] = {
    Level.ADVISORY: ("Warn", "Audit"),
    Level.MANDATORY: ("Deny",),
    Level.REMEDIATE: ("Deny",),
}


def enforceable(rules: Iterable[Rule]) -> list[Rule]:
    """Those that admission can enforce: data, about Kubernetes objects."""
    return [rule for rule in rules if rule.is_data and not any(":" in kind for kind in rule.applies)]


def policy(name: str, rules: Iterable[Rule], labels: Mapping[str, str] | None = None) -> Object:
    """One policy over some rules. It does nothing before it is bound."""
    chosen = enforceable(rules)
    return {
        "apiVersion": "admissionregistration.k8s.io/v1",
        "kind": "ValidatingAdmissionPolicy",
        "metadata": {"name": name, "labels": dict(labels or {})},
        "spec": {
            "failurePolicy": "Fail",
            "matchConstraints": {"resourceRules": resource_rules(chosen)},
            "variables": variables(chosen),
            "validations": [validation(rule, _needs_guard(rule, chosen)) for rule in chosen],
        },
    }


def binding(policy_name: str, level: Level, exempt_namespaces: Sequence[str] = ()) -> Object:
    """Puts a policy in force everywhere but in some namespaces."""
    name = "kubernetes.io/metadata.name"
    selector = {"matchExpressions": [{"key": name, "operator": "NotIn", "values": list(exempt_namespaces)}]}
    return {
        "apiVersion": "admissionregistration.k8s.io/v1",
        "kind": "ValidatingAdmissionPolicyBinding",
        "metadata": {"name": policy_name},
        "spec": {
            "policyName": policy_name,
            "validationActions": list(ACTIONS[level]),
            **({"matchResources": {"namespaceSelector": selector}} if exempt_namespaces else {}),
        },
    }


def variables(rules: Iterable[Rule]) -> list[Object]:
    return [
        {"name": "kind", "expression": KIND},
        {"name": "subject", "expression": "dyn(object)"},
        {"name": "templates", "expression": cel.templates(_workloads(rules))},
    ]


def validation(rule: Rule, guarded: bool) -> Object:
    """`guarded` where the policy also matches kinds that the rule has nothing to say of."""
    expression = cel.expression(rule)
    if guarded:
        expression = f"!(variables.kind in {cel.literal(kinds(rule))}) || {expression}"
    return {
        "expression": expression,
        "message": f"[{rule.id}] {rule.title}. {rule.why} {rule.remediation}",
        "reason": "Forbidden",
    }


def kinds(rule: Rule) -> list[str]:
    found = dict.fromkeys(kind for kind in rule.applies if kind != "pod")
    return list(found | (dict.fromkeys(workloads()) if "pod" in rule.applies else {}))


def _needs_guard(rule: Rule, others: Sequence[Rule]) -> bool:
    return "*" not in rule.applies and any(set(kinds(each)) - set(kinds(rule)) for each in others)


def _workloads(rules: Iterable[Rule]) -> Iterable[Workload]:
    return workloads().values() if any("pod" in rule.applies for rule in rules) else ()


def resource_rules(rules: Iterable[Rule]) -> list[Object]:
    """What the rules look at, by API group."""
    groups: dict[str, list[str]] = {}
    for kind in dict.fromkeys(kind for rule in rules for kind in kinds(rule)):
        group, _, name = kind.rpartition("/")
        resource = "*" if kind == "*" else plural(name)
        known = workloads().get(kind)
        more = [f"{resource}/{each}" for each in known.subresources] if known else []
        groups.setdefault("*" if kind == "*" else group, []).extend([resource, *more])
    return [
        {"apiGroups": [group], "apiVersions": ["*"], "operations": ["CREATE", "UPDATE"], "resources": resources}
        for group, resources in groups.items()
    ]


def plural(kind: str) -> str:
    """The resource's name as Kubernetes makes it from the kind's."""
    word = kind.lower()
    if word.endswith("y") and word[-2:-1] not in "aeiou":
        return word[:-1] + "ies"
    return word + ("es" if word.endswith(("s", "x", "ch", "sh")) else "s")
