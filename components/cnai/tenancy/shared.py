"""What all teams have in common: priorities, and the roles that a team's group is bound to."""

from typing import Any

import pulumi

from cnai.tenancy.objects import declare

PRIORITIES = ("batch", "training", "serving")
"""From the lowest to the highest; a pod without a class stands between batch and training."""
MEMBER_ROLE = "cnai-team-member"
VIEWER_ROLE = "cnai-platform-viewer"

_VALUES = {"batch": -1000, "training": 1000, "serving": 10000}
_READ = ["get", "list", "watch"]
_EDIT = [*_READ, "create", "delete", "patch", "update"]


def priority_class(priority: str) -> str:
    return f"cnai-{priority}"


def shared_manifests() -> dict[str, dict[str, Any]]:
    """By role of the resource's name."""
    return {
        **{f"priority-{name}": _priority(name) for name in PRIORITIES},
        "role-member": _cluster_role(MEMBER_ROLE, _member_rules()),
        "role-viewer": _cluster_role(VIEWER_ROLE, _viewer_rules()),
    }


def _priority(name: str) -> dict[str, Any]:
    return {
        "apiVersion": "scheduling.k8s.io/v1",
        "kind": "PriorityClass",
        "metadata": {"name": priority_class(name)},
        "value": _VALUES[name],
        "globalDefault": False,
        # What may be displaced at any time displaces nobody.
        "preemptionPolicy": "Never" if name == "batch" else "PreemptLowerPriority",
        "description": f"Teams' {name} pods.",
    }


def _cluster_role(name: str, rules: list[dict[str, Any]]) -> dict[str, Any]:
    return {
        "apiVersion": "rbac.authorization.k8s.io/v1",
        "kind": "ClusterRole",
        "metadata": {"name": name},
        "rules": rules,
    }


def _rule(group: str, resources: list[str], verbs: list[str]) -> dict[str, Any]:
    return {"apiGroups": [group], "resources": resources, "verbs": verbs}


def _member_rules() -> list[dict[str, Any]]:
    """Work in one namespace.

    Not upstream's `edit`, which reads secrets and mints tokens of service accounts: members put secrets in and take
    them away, and never read them back (nor `patch` or `update`, which answer with the content).
    """
    return [
        _rule("trainer.kubeflow.org", ["trainjobs", "trainingruntimes"], _EDIT),
        _rule("jobset.x-k8s.io", ["jobsets"], _EDIT),
        _rule("batch", ["jobs", "cronjobs"], _EDIT),
        _rule("apps", ["deployments", "statefulsets"], _EDIT),
        _rule("", ["pods", "services", "configmaps", "persistentvolumeclaims"], _EDIT),
        _rule("", ["pods/log", "pods/status", "events", "resourcequotas", "limitranges", "serviceaccounts"], _READ),
        _rule("", ["pods/exec", "pods/portforward"], ["create", "get"]),
        _rule("", ["secrets"], ["create", "delete"]),
        _rule("events.k8s.io", ["events"], _READ),
        _rule("networking.k8s.io", ["networkpolicies"], _READ),
    ]


def _viewer_rules() -> list[dict[str, Any]]:
    """Read what a member needs to choose from, none of which is anyone's own."""
    return [
        _rule("trainer.kubeflow.org", ["clustertrainingruntimes"], _READ),
        _rule("scheduling.k8s.io", ["priorityclasses"], _READ),
        _rule("storage.k8s.io", ["storageclasses"], _READ),
        _rule("", ["nodes"], _READ),
    ]


class Tenancy(pulumi.ComponentResource):
    """Priority classes and roles, once per cluster; teams depend on it."""

    def __init__(self, name: str, opts: pulumi.ResourceOptions | None = None) -> None:
        super().__init__("cnai:tenancy:Tenancy", name, {}, opts)
        for role, manifest in shared_manifests().items():
            declare(f"{name}-{role}", manifest, pulumi.ResourceOptions(parent=self))
        self.register_outputs({})
