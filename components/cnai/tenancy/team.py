"""Team: one object for everything that a team gets."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Literal

import pulumi

from cnai.tenancy.names import PRIORITIES, TEAM_LABEL, TRAINER_ACCOUNT, priority_class
from cnai.tenancy.networks import network_policies
from cnai.tenancy.objects import declare
from cnai.tenancy.share import TeamShare
from cnai.tenancy.shared import MEMBER_ROLE, VIEWER_ROLE

_SYSTEM_PRIORITIES = ["system-cluster-critical", "system-node-critical"]


@dataclass(frozen=True, kw_only=True)
class TeamArgs:
    gpu_quota: Mapping[str, int] = field(default_factory=dict[str, int])
    """Extended resource, such as `nvidia.com/gpu` -> how many at once. What is not named here is not to be had."""
    priority: Literal["batch", "training", "serving"] = "training"
    """The highest priority that its pods may have."""
    storage_gib: int = 1024
    """Persistent volumes together."""
    max_pods: int = 500
    """Pods at once."""
    sso_group: str | None = None
    """Identity provider's group whose members work in the namespace."""
    budget_usd_per_month: int | None = None
    """Written on the namespace, for those who report on cost."""
    shares: tuple[TeamShare, ...] = ()
    """What each feature adds."""

    def __post_init__(self) -> None:
        if negative := [name for name, count in self.gpu_quota.items() if count < 0]:
            raise ValueError(f"gpu_quota: give at least 0 of {', '.join(negative)}")
        if self.storage_gib < 0 or self.max_pods < 0:
            raise ValueError("storage_gib, max_pods: give at least 0")


def team_manifests(team: str, args: TeamArgs) -> dict[str, dict[str, Any]]:
    """By role of the resource's name; the namespace comes first."""
    found = {
        "namespace": namespace(team, args),
        "quota": quota(team, args),
        "priority-ceiling": priority_ceiling(team, args),
        "limits": limits(team),
        "trainer-account": trainer_account(team),
        **network_policies(team, args.shares),
    }
    if args.sso_group:
        found |= bindings(team, args.sso_group)
    return found | {role: dict(each) for share in args.shares for role, each in share.objects.items()}


def namespace(team: str, args: TeamArgs) -> dict[str, Any]:
    """Training stays out of the mesh: a sidecar outlives the training container and sits between NCCL's sockets.

    `baseline` is enforced, since published training images run as root; what `restricted` adds is warned about, and
    what `cnai train` submits keeps to it.
    """
    security = {"enforce": "baseline", "audit": "restricted", "warn": "restricted"}
    labels = {
        TEAM_LABEL: team,
        "istio-injection": "disabled",
        **{f"pod-security.kubernetes.io/{mode}": level for mode, level in security.items()},
    }
    metadata: dict[str, Any] = {"name": team, "labels": labels}
    if args.budget_usd_per_month is not None:
        metadata["annotations"] = {"cnai.dev/budget-usd-per-month": str(args.budget_usd_per_month)}
    return {"apiVersion": "v1", "kind": "Namespace", "metadata": metadata}


def quota(team: str, args: TeamArgs) -> dict[str, Any]:
    gpus = {"nvidia.com/gpu": 0, **args.gpu_quota}
    added = {name: limit for share in args.shares for name, limit in share.quota.items()}
    return _namespaced(
        "ResourceQuota",
        team,
        "team",
        spec={
            "hard": {
                **{f"requests.{resource}": str(count) for resource, count in gpus.items()},
                "pods": str(args.max_pods),
                "requests.storage": f"{args.storage_gib}Gi",
                # Addresses of the outside world are the gateways' to give.
                "services.loadbalancers": "0",
                "services.nodeports": "0",
                **added,
            }
        },
    )


def priority_ceiling(team: str, args: TeamArgs) -> dict[str, Any]:
    """No pods above the team's priority, nor at the system's.

    https://kubernetes.io/docs/concepts/policy/resource-quotas/#limit-priority-class-consumption-by-default
    """
    above = PRIORITIES[PRIORITIES.index(args.priority) + 1 :]
    forbidden = [*(priority_class(each) for each in above), *_SYSTEM_PRIORITIES]
    match = {"scopeName": "PriorityClass", "operator": "In", "values": forbidden}
    spec = {"hard": {"pods": "0"}, "scopeSelector": {"matchExpressions": [match]}}
    return _namespaced("ResourceQuota", team, f"no-more-than-{args.priority}", spec=spec)


def limits(team: str) -> dict[str, Any]:
    """Requests for containers that name none, so that the scheduler never packs a node on zeroes."""
    request = {"cpu": "100m", "memory": "256Mi", "ephemeral-storage": "1Gi"}
    spec = {"limits": [{"type": "Container", "defaultRequest": request}]}
    return _namespaced("LimitRange", team, "team", spec=spec)


def trainer_account(team: str) -> dict[str, Any]:
    return _namespaced("ServiceAccount", team, TRAINER_ACCOUNT, automountServiceAccountToken=False)


def bindings(team: str, group: str) -> dict[str, dict[str, Any]]:
    api, subject = "rbac.authorization.k8s.io", {"kind": "Group", "name": group}
    subjects = [{"apiGroup": api, **subject}]

    def refer(role: str) -> dict[str, str]:
        return {"apiGroup": api, "kind": "ClusterRole", "name": role}

    return {
        "members": {
            "apiVersion": f"{api}/v1",
            "kind": "RoleBinding",
            "metadata": {"name": "members", "namespace": team},
            "roleRef": refer(MEMBER_ROLE),
            "subjects": subjects,
        },
        "viewers": {
            "apiVersion": f"{api}/v1",
            "kind": "ClusterRoleBinding",
            "metadata": {"name": f"cnai-team-{team}"},
            "roleRef": refer(VIEWER_ROLE),
            "subjects": subjects,
        },
    }


def _namespaced(kind: str, team: str, name: str, **content: Any) -> dict[str, Any]:
    return {"apiVersion": "v1", "kind": kind, "metadata": {"name": name, "namespace": team}, **content}


class Team(pulumi.ComponentResource):
    """A namespace called `name`, with its quota, limits, network policies, accounts and members.

    `protect` holds for the namespace, which has the team's volumes in it, and for nothing else.
    """

    namespace: str

    def __init__(self, name: str, args: TeamArgs, opts: pulumi.ResourceOptions | None = None) -> None:
        super().__init__("cnai:tenancy:Team", name, {}, opts)
        self.namespace = name
        manifests = team_manifests(name, args)
        home = declare(f"{name}-namespace", manifests.pop("namespace"), pulumi.ResourceOptions(parent=self))
        inside = pulumi.ResourceOptions(parent=self, depends_on=[home], protect=False)
        for role, manifest in manifests.items():
            declare(f"{name}-{role}", manifest, inside)
        self.register_outputs({"namespace": self.namespace})
