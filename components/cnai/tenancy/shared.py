"""What all teams have in common: priorities, and the roles that a team's group is bound to."""

from collections.abc import Iterable
from typing import Any

import pulumi

from cnai.tenancy.names import PRIORITIES, PRIORITY_VALUES, priority_class
from cnai.tenancy.objects import declare
from cnai.tenancy.share import EDIT, Rule, TeamRules

MEMBER_ROLE = "cnai-team-member"
VIEWER_ROLE = "cnai-platform-viewer"

NOTHING = TeamRules()

MEMBER_RULES = (
    Rule(group="batch", resources=("jobs", "cronjobs"), verbs=EDIT),
    Rule(group="apps", resources=("deployments", "statefulsets"), verbs=EDIT),
    Rule(group="", resources=("pods", "services", "configmaps", "persistentvolumeclaims"), verbs=EDIT),
    Rule(
        group="",
        resources=("pods/log", "pods/status", "events", "resourcequotas", "limitranges", "serviceaccounts"),
    ),
    Rule(group="", resources=("pods/exec", "pods/portforward"), verbs=("create", "get")),
    Rule(group="", resources=("secrets",), verbs=("create", "delete")),
    Rule(group="events.k8s.io", resources=("events",)),
    Rule(group="networking.k8s.io", resources=("networkpolicies",)),
)
"""Work in one namespace.

Not upstream's `edit`, which reads secrets and mints tokens of service accounts: members put secrets in and take them
away, and never read them back (nor `patch` or `update`, which answer with the content).
"""
VIEWER_RULES = (
    Rule(group="scheduling.k8s.io", resources=("priorityclasses",)),
    Rule(group="storage.k8s.io", resources=("storageclasses",)),
    Rule(group="", resources=("nodes",)),
)
"""Read what a member needs to choose from, none of which is anyone's own."""


def shared_manifests(rules: TeamRules = NOTHING) -> dict[str, dict[str, Any]]:
    """By role of the resource's name; `rules` are those of the features that are on."""
    return {
        **{f"priority-{name}": _priority(name) for name in PRIORITIES},
        "role-member": _cluster_role(MEMBER_ROLE, (*rules.member, *MEMBER_RULES)),
        "role-viewer": _cluster_role(VIEWER_ROLE, (*rules.viewer, *VIEWER_RULES)),
    }


def _priority(name: str) -> dict[str, Any]:
    return {
        "apiVersion": "scheduling.k8s.io/v1",
        "kind": "PriorityClass",
        "metadata": {"name": priority_class(name)},
        "value": PRIORITY_VALUES[name],
        "globalDefault": False,
        # What may be displaced at any time displaces nobody.
        "preemptionPolicy": "Never" if name == "batch" else "PreemptLowerPriority",
        "description": f"Teams' {name} pods.",
    }


def _cluster_role(name: str, rules: Iterable[Rule]) -> dict[str, Any]:
    return {
        "apiVersion": "rbac.authorization.k8s.io/v1",
        "kind": "ClusterRole",
        "metadata": {"name": name},
        "rules": [rule.manifest for rule in rules],
    }


class Tenancy(pulumi.ComponentResource):
    """Priority classes and roles, once per cluster; teams depend on it."""

    def __init__(self, name: str, opts: pulumi.ResourceOptions | None = None, *, rules: TeamRules = NOTHING) -> None:
        """`rules`: what the features that are on let members do."""
        super().__init__("cnai:tenancy:Tenancy", name, {}, opts)
        for role, manifest in shared_manifests(rules).items():
            declare(f"{name}-{role}", manifest, pulumi.ResourceOptions(parent=self))
        self.register_outputs({})
