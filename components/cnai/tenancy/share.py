"""What a feature adds to a team: objects, ways through the network, quota, and what members may do."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any

Manifest = dict[str, Any]
READ = ("get", "list", "watch")
EDIT = (*READ, "create", "delete", "patch", "update")


@dataclass(frozen=True, kw_only=True)
class Opening:
    """A way out of the team's namespace: to the pods of another namespace, or to an address."""

    name: str
    """Of the NetworkPolicy `allow-<name>`."""
    port: int
    """TCP port that the pods, or the address, listen on."""
    namespace: str = ""
    cidr: str = ""
    """Address range, such as `169.254.170.23/32`, if it is not a namespace."""

    def __post_init__(self) -> None:
        if bool(self.namespace) == bool(self.cidr):
            raise ValueError(f"opening {self.name}: give either a namespace or an address range")


@dataclass(frozen=True, kw_only=True)
class TeamShare:
    """Of one feature, for one team."""

    objects: Mapping[str, Manifest] = field(default_factory=dict[str, Manifest])
    """Role of the resource's name -> the object, in the team's namespace or cluster-wide."""
    openings: tuple[Opening, ...] = ()
    """Where its pods may go."""
    scraped_from: tuple[str, ...] = ()
    """Namespaces from which its pods may be reached on any port, for metrics."""
    quota: Mapping[str, str] = field(default_factory=dict[str, str])
    """Hard limits of its ResourceQuota, laid over the team's own."""


@dataclass(frozen=True, kw_only=True)
class Rule:
    """A rule of a role, for one API group."""

    group: str
    resources: tuple[str, ...]
    verbs: tuple[str, ...] = READ

    @property
    def manifest(self) -> Manifest:
        return {"apiGroups": [self.group], "resources": list(self.resources), "verbs": list(self.verbs)}


@dataclass(frozen=True, kw_only=True)
class TeamRules:
    """What a feature lets the members of every team do, each in the team's own namespace, or read cluster-wide."""

    member: tuple[Rule, ...] = ()
    viewer: tuple[Rule, ...] = ()
    """Cluster-wide, and reading only: what members choose from."""

    def __post_init__(self) -> None:
        if wrong := [rule for rule in self.viewer if set(rule.verbs) - set(READ)]:
            raise ValueError(f"viewers only read, but {wrong[0].group} {', '.join(wrong[0].resources)} allows more")


def combined(rules: Iterable[TeamRules]) -> TeamRules:
    found = list(rules)
    member = tuple(dict.fromkeys(rule for each in found for rule in each.member))
    viewer = tuple(dict.fromkeys(rule for each in found for rule in each.viewer))
    return TeamRules(member=member, viewer=viewer)
