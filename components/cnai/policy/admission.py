"""Data rules as ValidatingAdmissionPolicies: what the API server itself refuses."""

import re
from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from cnai.policy import cel
from cnai.policy.exceptions import Exemption
from cnai.policy.model import Level, Rule
from cnai.policy.workloads import Workload, workloads

Object = dict[str, Any]
KIND = "request.kind.group == '' ? request.kind.kind : request.kind.group + '/' + request.kind.kind"
ID = (
    "[variables.kind, string(object.metadata.?namespace.orValue('')), "
    "string(object.metadata.?name.orValue(request.name))].filter(part, part != '').join('/')"
)
"""As `Resource.id`."""
SPEC = "dyn({}).?spec.orValue(null)"
CONDITIONS = (
    # It rewrites its own roles at start-up, including wildcards.
    {"name": "not-the-api-server", "expression": "request.userInfo.?username.orValue('') != 'system:apiserver'"},
    # What was there before must still lose its finalizers and take labels.
    {"name": "not-going", "expression": "dyn(object).?metadata.?deletionTimestamp.orValue(null) == null"},
    {
        "name": "new-or-changed",
        "expression": f"request.operation != 'UPDATE' || {SPEC.format('object')} == null"
        f" || {SPEC.format('object')} != {SPEC.format('oldObject')}",
    },
)
ACTIONS: Mapping[Level, tuple[str, ...]] = {
    Level.ADVISORY: ("Warn", "Audit"),
    Level.MANDATORY: ("Deny",),
    Level.REMEDIATE: ("Deny",),
}


def enforceable(rules: Iterable[Rule]) -> list[Rule]:
    """Those that admission can enforce: data, about Kubernetes objects; of mixed ones their Kubernetes half."""
    return [rule for rule in rules if rule.is_data and any(":" not in kind for kind in rule.applies)]


def policy(name: str, rules: Iterable[Rule], exceptions: Sequence[Exemption] = ()) -> Object:
    """One policy over some rules. It does nothing before it is bound."""
    chosen = enforceable(rules)
    return {
        "apiVersion": "admissionregistration.k8s.io/v1",
        "kind": "ValidatingAdmissionPolicy",
        "metadata": {"name": name},
        "spec": {
            "failurePolicy": "Fail",
            "matchConstraints": {"resourceRules": resource_rules(chosen)},
            "matchConditions": [dict(each) for each in CONDITIONS],
            "variables": variables(chosen),
            "validations": [validation(rule, _needs_guard(rule, chosen), exceptions) for rule in chosen],
        },
    }


def binding(policy_name: str, level: Level, exempt_namespaces: Sequence[str] = ()) -> Object:
    """Puts a policy in force everywhere but in some namespaces."""
    return {
        "apiVersion": "admissionregistration.k8s.io/v1",
        "kind": "ValidatingAdmissionPolicyBinding",
        "metadata": {"name": policy_name},
        "spec": {
            "policyName": policy_name,
            "validationActions": list(ACTIONS[level]),
            **({"matchResources": everywhere_but(exempt_namespaces)} if exempt_namespaces else {}),
        },
    }


def everywhere_but(namespaces: Sequence[str]) -> Object:
    expression = {"key": "kubernetes.io/metadata.name", "operator": "NotIn", "values": list(namespaces)}
    return {"namespaceSelector": {"matchExpressions": [expression]}}


def variables(rules: Iterable[Rule]) -> list[Object]:
    return [
        {"name": "kind", "expression": KIND},
        {"name": "id", "expression": ID},
        {"name": "subject", "expression": "dyn(object)"},
        {"name": "templates", "expression": cel.templates(_workloads(rules))},
    ]


def validation(rule: Rule, guarded: bool, exceptions: Sequence[Exemption] = ()) -> Object:
    """`guarded` where the policy also matches kinds that the rule has nothing to say of."""
    spared = [pattern for each in exceptions if each.rule == rule.id for pattern in patterns(each.resource)]
    spared = [f"variables.id.matches({cel.literal(pattern)})" for pattern in spared]
    if guarded:
        spared.append(f"!(variables.kind in {cel.literal(kinds(rule))})")
    return {
        "expression": " || ".join([*spared, cel.expression(rule)]),
        "message": f"[{rule.id}] {rule.title}. {rule.why} {rule.remediation}",
        "reason": "Forbidden",
    }


def patterns(resource: str) -> list[str]:
    """An exception's pattern as RE2. One for a workload covers what that makes, whose names start with its own."""
    made = [resource]
    for owner in workloads():
        if owner != "Pod" and resource.startswith(f"{owner}/"):
            rest = resource.removeprefix(f"{owner}/")
            made += [f"{kind}/{rest}-*" for kind in ("Pod", "apps/ReplicaSet", "batch/Job")]
    return [_matching(each) for each in made]


def _matching(pattern: str) -> str:
    words = {"*": ".*", "?": "."}
    return "^" + "".join(words.get(letter) or re.escape(letter) for letter in pattern) + "$"


def kinds(rule: Rule) -> list[str]:
    found = dict.fromkeys(kind for kind in rule.applies if kind != "pod" and ":" not in kind)
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
