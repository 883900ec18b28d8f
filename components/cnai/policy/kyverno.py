"""Data rules as Kyverno's ValidatingPolicy, for clusters where Kyverno is what admits."""

from collections.abc import Iterable, Mapping
from typing import Any

from cnai.policy import admission
from cnai.policy.model import Level, Rule

ACTIONS: Mapping[Level, tuple[str, ...]] = {
    Level.ADVISORY: ("Warn", "Audit"),
    Level.MANDATORY: ("Deny",),
    Level.REMEDIATE: ("Deny",),
}


def policy(name: str, rules: Iterable[Rule], level: Level) -> dict[str, Any]:
    """Kyverno would make copies for Deployments and their like by itself: the expressions look into those already."""
    spec = admission.policy(name, rules)["spec"]
    spec.pop("failurePolicy")
    return {
        "apiVersion": "policies.kyverno.io/v1",
        "kind": "ValidatingPolicy",
        "metadata": {"name": name},
        "spec": {
            "validationActions": list(ACTIONS[level]),
            "failurePolicy": "Fail",
            "autogen": {"podControllers": {"controllers": []}},
            **spec,
        },
    }
