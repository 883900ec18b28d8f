"""Data rules as Kyverno's ValidatingPolicy, for clusters where Kyverno is what admits."""

from collections.abc import Iterable, Sequence
from typing import Any

from cnai.policy import admission
from cnai.policy.exceptions import Exemption
from cnai.policy.model import Level, Rule


def policy(
    name: str,
    rules: Iterable[Rule],
    level: Level,
    exceptions: Sequence[Exemption] = (),
    exempt_namespaces: Sequence[str] = (),
) -> dict[str, Any]:
    """Kyverno would make copies for Deployments and their like by itself: the expressions look into those already."""
    spec = admission.policy(name, rules, exceptions)["spec"]
    if exempt_namespaces:
        spec["matchConstraints"] |= admission.everywhere_but(exempt_namespaces)
    return {
        "apiVersion": "policies.kyverno.io/v1",
        "kind": "ValidatingPolicy",
        "metadata": {"name": name},
        "spec": {
            "validationActions": list(admission.ACTIONS[level]),
            "autogen": {"podControllers": {"controllers": []}},
            **spec,
        },
    }
