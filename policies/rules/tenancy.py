"""Team isolation: their objects, the accounts they bind, and roles that reach Secrets through pods."""

from collections.abc import Callable, Iterator
from typing import Any

from cnai.policy.fields import careful, found, holds_unknown, listed, mapping, text
from cnai.policy.model import Context, Finding, Predicate, Resource, Rule, Severity, undecided, violation
from cnai.policy.values import Unknown

TEAM = "cnai.dev/team"
BINDINGS = ("rbac.authorization.k8s.io/RoleBinding",)
ROLES = ("rbac.authorization.k8s.io/ClusterRole", "rbac.authorization.k8s.io/Role")
CLUSTER_SCOPED = frozenset(
    (
        "Namespace",
        "Node",
        "PersistentVolume",
        "kubeflow.org/Profile",
        "kueue.x-k8s.io/ClusterQueue",
        "kueue.x-k8s.io/Cohort",
        "kueue.x-k8s.io/ResourceFlavor",
        "rbac.authorization.k8s.io/ClusterRole",
        "rbac.authorization.k8s.io/ClusterRoleBinding",
        "scheduling.k8s.io/PriorityClass",
        "storage.k8s.io/StorageClass",
    )
)
POD_MAKERS = {
    "": ("pods", "replicationcontrollers", "pods/ephemeralcontainers"),
    "apps": ("deployments", "daemonsets", "statefulsets", "replicasets"),
    "batch": ("jobs", "cronjobs"),
}
AUTH = "authentication-and-authorization"


@careful
def _stays(resource: Resource, _: Context) -> Iterator[Finding]:
    if resource.kind in CLUSTER_SCOPED:
        return
    labels, namespace = mapping(resource.body, "metadata.labels"), text(resource.body, "metadata.namespace")
    team = labels if isinstance(labels, Unknown) else labels.get(TEAM)
    if team is None:
        return
    if isinstance(team, Unknown) or isinstance(namespace, Unknown):
        yield undecided("its team or namespace is not known yet")
    elif namespace and namespace != team and not namespace.startswith(f"{team}-"):
        yield violation(f"belongs to team {team} and must be in its namespace, not in {namespace}")


@careful
def _subjects(resource: Resource, context: Context) -> Iterator[Finding]:
    teams = set(map(str, context.settings.get("teams") or ()))
    own = text(resource.body, "metadata.namespace")
    for each in found(resource.body, "subjects[*]"):
        if isinstance(each.value, Unknown):
            yield undecided("its subjects are not known yet")
            continue
        kind, theirs = text(each.value, "kind"), text(each.value, "namespace")
        if kind not in ("User", "Group") and isinstance(theirs, Unknown):
            yield undecided(f"the namespace of {each.name} is not known yet", each.name)
        elif theirs in teams and (isinstance(kind, Unknown) or isinstance(own, Unknown)):
            yield undecided(f"what {each.name} is, and where, is not known yet", each.name)
        elif kind == "ServiceAccount" and theirs in teams and theirs != own:
            where = own or "another namespace"
            yield violation(f"must not give {each.name} of team {theirs} permissions in {where}", each.name)


def _names(rule: Any, path: str, unknown: frozenset[str]) -> frozenset[str]:
    """What a role's rule lists; `unknown` marks values not known yet."""
    if isinstance(rule, Unknown) or holds_unknown(values := listed(rule, path)):
        return unknown
    return frozenset(each for each in values if isinstance(each, str)) if isinstance(values, list) else unknown


ALL, NONE = frozenset("*"), frozenset[str]()


def _makes_pods(rule: Any, unknown: frozenset[str]) -> bool:
    groups, resources = _names(rule, "apiGroups", unknown), _names(rule, "resources", unknown)
    makers = {name for group, names in POD_MAKERS.items() if {group, "*"} & groups for name in names}
    return bool({"create", "*"} & _names(rule, "verbs", unknown) and ({"*"} | makers) & resources)


def _reads_secrets(rule: Any, unknown: frozenset[str]) -> bool:
    # Unknown names of Secrets may turn out to be none, or some.
    named = _names(rule, "resourceNames", NONE if unknown else ALL)
    reads = {"get", "list", "watch", "*"} & _names(rule, "verbs", unknown) and not named
    secrets = {"secrets", "*"} & _names(rule, "resources", unknown)
    return bool(reads and secrets and {"", "*"} & _names(rule, "apiGroups", unknown))


def _allows(resource: Resource, *rights: Callable[[Any, frozenset[str]], bool]) -> bool | None:
    """Whether a role has all of some permissions; None if not known."""
    rules = [each.value for each in found(resource.body, "rules[*]")]
    if all(any(right(rule, NONE) for rule in rules) for right in rights):
        return True
    return None if all(any(right(rule, ALL) for rule in rules) for right in rights) else False


def _right(told: str, *rights: Callable[[Any, frozenset[str]], bool]) -> Predicate:
    @careful
    def judged(resource: Resource, _: Context) -> Iterator[Finding]:
        allowed = _allows(resource, *rights)
        if allowed is None:
            yield undecided("its rules are not known yet")
        elif allowed:
            yield violation(told)

    return judged


RULES = [
    Rule(
        id="teamNamespaces",
        title="What belongs to a team is in its namespace",
        why="Quotas, network policies and membership are tied to the namespace, so outside it none of them applies.",
        severity=Severity.HIGH,
        remediation="Set metadata.namespace to the team's namespace, or remove the label cnai.dev/team.",
        frameworks={"cis-kubernetes": ("5.6.1",), "nsa-cisa": ("network-separation",), "soc2": ("CC6.1",)},
        applies=("*",),
        predicate=_stays,
    ),
    Rule(
        id="crossTeamBindings",
        title="No accounts of one team in another's namespace",
        why="Anyone who breaks into one team's pod can then read the other's work.",
        severity=Severity.HIGH,
        remediation="Bind an account of the namespace itself, and share data through the object store.",
        frameworks={
            "nsa-cisa": (AUTH,),
            "soc2": ("CC6.3",),
        },
        applies=BINDINGS,
        predicate=_subjects,
    ),
    Rule(
        id="rbacPodsAndSecrets",
        title="No role both creates pods and reads Secrets",
        why="A pod may run as any account of its namespace, so together they grant every permission in the namespace.",
        severity=Severity.HIGH,
        remediation="Split the role, or name the Secrets in resourceNames.",
        frameworks={
            "cis-kubernetes": ("5.1.2", "5.1.4"),
            "nsa-cisa": (AUTH,),
            "soc2": ("CC6.3",),
        },
        applies=ROLES,
        predicate=_right("must not allow both creating pods and reading all Secrets", _makes_pods, _reads_secrets),
    ),
    Rule(
        id="rbacAllSecrets",
        title="No ClusterRole reads all Secrets",
        why="A cluster's Secrets hold the tokens of its most powerful accounts.",
        severity=Severity.MEDIUM,
        remediation="Use a Role in the namespaces that need it, or name the Secrets in resourceNames.",
        frameworks={
            "cis-kubernetes": ("5.1.2",),
            "nsa-cisa": (AUTH,),
            "soc2": ("CC6.3",),
        },
        applies=ROLES[:1],
        predicate=_right("must not read the Secrets of every namespace", _reads_secrets),
    ),
]
