"""Teams stay apart: their objects, the accounts that they bind, and roles that reach Secrets by way of pods."""

from collections.abc import Iterator
from typing import Any

from cnai.policy.fields import careful, found, holds_unknown, listed, mapping, text
from cnai.policy.model import Context, Finding, Resource, Rule, Severity, undecided, violation
from cnai.policy.values import Unknown

TEAM = "cnai.dev/team"
BINDINGS = ("rbac.authorization.k8s.io/RoleBinding",)
ROLES = ("rbac.authorization.k8s.io/ClusterRole", "rbac.authorization.k8s.io/Role")
CLUSTER_SCOPED = frozenset(
    ("Namespace", "PersistentVolume", "Node", "rbac.authorization.k8s.io/ClusterRole", "storage.k8s.io/StorageClass")
    + ("rbac.authorization.k8s.io/ClusterRoleBinding", "scheduling.k8s.io/PriorityClass")
    + ("kueue.x-k8s.io/ClusterQueue", "kueue.x-k8s.io/ResourceFlavor", "kueue.x-k8s.io/Cohort", "kubeflow.org/Profile")
)
POD_MAKERS = {
    "": ("pods", "replicationcontrollers", "pods/ephemeralcontainers"),
    "apps": ("deployments", "daemonsets", "statefulsets", "replicasets"),
    "batch": ("jobs", "cronjobs"),
}


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
        if isinstance(each.value, Unknown) or isinstance(own, Unknown):
            yield undecided("its subjects or namespace are not known yet")
        elif text(each.value, "kind") == "ServiceAccount":
            theirs = text(each.value, "namespace")
            if isinstance(theirs, Unknown):
                yield undecided(f"the namespace of {each.name} is not known yet", each.name)
            elif theirs in teams and theirs != own:
                yield violation(
                    f"must not give {each.name} of team {theirs} rights in {own or 'another namespace'}", each.name
                )


def _rules(resource: Resource) -> Iterator[tuple[str, Any]]:
    for each in found(resource.body, "rules[*]"):
        if not isinstance(each.value, Unknown):
            yield each.name, each.value


def _names(rule: Any, path: str) -> set[str]:
    values = listed(rule, path)
    return set() if isinstance(values, Unknown) else {each for each in values if isinstance(each, str)}


def _makes_pods(rule: Any) -> bool:
    groups, resources = _names(rule, "apiGroups"), _names(rule, "resources")
    makers = {name for group, names in POD_MAKERS.items() if {group, "*"} & groups for name in names}
    return bool({"create", "*"} & _names(rule, "verbs") and ({"*"} | makers) & resources)


def _reads_secrets(rule: Any) -> bool:
    verbs, named = _names(rule, "verbs"), _names(rule, "resourceNames")
    reads = {"get", "list", "watch", "*"} & verbs and not named
    return bool(reads and {"", "*"} & _names(rule, "apiGroups") and {"secrets", "*"} & _names(rule, "resources"))


@careful
def _pods_and_secrets(resource: Resource, _: Context) -> Iterator[Finding]:
    rules = [rule for _, rule in _rules(resource)]
    if any(map(_makes_pods, rules)) and any(map(_reads_secrets, rules)):
        yield violation("must not allow both to create pods and to read all Secrets")
    elif holds_unknown(resource.body.get("rules")):
        yield undecided("its rules are not known yet")


@careful
def _all_secrets(resource: Resource, _: Context) -> Iterator[Finding]:
    if any(_reads_secrets(rule) for _, rule in _rules(resource)):
        yield violation("must not read the Secrets of every namespace")
    elif holds_unknown(resource.body.get("rules")):
        yield undecided("its rules are not known yet")


RULES = [
    Rule(
        id="teamNamespaces",
        title="What belongs to a team is in its namespace",
        why="Quotas, network policies and members hang on the namespace, so outside of it none of them holds.",
        severity=Severity.HIGH,
        remediation="Set metadata.namespace to the team's namespace, or take the label cnai.dev/team out.",
        frameworks={"cis-kubernetes": ("5.6.1",), "nsa-cisa": ("network-separation",), "soc2": ("CC6.1",)},
        applies=("*",),
        predicate=_stays,
    ),
    Rule(
        id="crossTeamBindings",
        title="No accounts of one team in another's namespace",
        why="Whoever breaks into one team's pod then reads the other's work.",
        severity=Severity.HIGH,
        remediation="Bind an account of the namespace itself, and share data through the object store.",
        frameworks={
            "cis-kubernetes": ("5.1.1",),
            "nsa-cisa": ("authentication-and-authorization",),
            "soc2": ("CC6.3",),
        },
        applies=BINDINGS,
        predicate=_subjects,
    ),
    Rule(
        id="rbacPodsAndSecrets",
        title="No role both makes pods and reads Secrets",
        why="A pod may run as any account of its namespace, so together they are every right that the namespace holds.",
        severity=Severity.HIGH,
        remediation="Split the role, or name the Secrets in resourceNames.",
        frameworks={
            "cis-kubernetes": ("5.1.2", "5.1.4"),
            "nsa-cisa": ("authentication-and-authorization",),
            "soc2": ("CC6.3",),
        },
        applies=ROLES,
        predicate=_pods_and_secrets,
    ),
    Rule(
        id="rbacAllSecrets",
        title="No ClusterRole reads all Secrets",
        why="The Secrets of a cluster hold the tokens of its most powerful accounts.",
        severity=Severity.MEDIUM,
        remediation="Use a Role in the namespaces that need it, or name the Secrets in resourceNames.",
        frameworks={
            "cis-kubernetes": ("5.1.2",),
            "nsa-cisa": ("authentication-and-authorization",),
            "soc2": ("CC6.3",),
        },
        applies=ROLES[:1],
        predicate=_all_secrets,
    ),
]
