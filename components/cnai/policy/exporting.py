"""An environment's rules as objects with which its cluster enforces them, and what admission cannot carry."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, date, datetime
from typing import Any

from cnai.policy import admission, kyverno
from cnai.policy.admission import Object
from cnai.policy.exceptions import Exemption
from cnai.policy.levels import assigned
from cnai.policy.model import Level, Rule
from cnai.policy.packs import packs, rules_of


@dataclass(frozen=True, kw_only=True)
class Wishes:
    """How the cluster is to enforce."""

    kyverno: bool = False
    """For clusters where Kyverno admits, in place of the API server by itself."""
    exempt_namespaces: Sequence[str] = ()
    warn_only: bool = False
    """To see first what would be refused."""


@dataclass(frozen=True, kw_only=True)
class Export:
    """Ready for kubectl apply."""

    policies: Mapping[str, Sequence[Object]]
    """Name -> the policy, and what puts it in force."""
    enforced: Sequence[str]
    """Rules that the cluster enforces."""
    not_enforced: Mapping[str, str]
    """Rule that is on -> why admission cannot carry it."""
    not_fixed: Sequence[str]
    """Rules at level remediate: the cluster rejects what Pulumi would fix."""
    exceptions_until: date | None
    """When the first exception in it ends: admission knows no dates, so export again by then."""

    @property
    def objects(self) -> list[Object]:
        return [obj for objects in self.policies.values() for obj in objects]

    @property
    def told(self) -> dict[str, Any]:
        """As JSON carries it."""
        until = self.exceptions_until
        return {
            "enforced": list(self.enforced),
            "not_enforced": [{"rule": rule, "reason": reason} for rule, reason in self.not_enforced.items()],
            "not_fixed": list(self.not_fixed),
            "exceptions_until": until.isoformat() if until else None,
        }

    @property
    def lines(self) -> Iterator[str]:
        """The same in words."""
        yield f"policies: {len(self.policies)}, rules: {len(self.enforced)}"
        for reason in dict.fromkeys(self.not_enforced.values()):
            rules = [rule for rule, each in self.not_enforced.items() if each == reason]
            yield f"not enforced by the cluster, because {reason}: {', '.join(rules)}"
        if self.not_fixed:
            yield f"rejected, not fixed as Pulumi would: {', '.join(self.not_fixed)}"
        if self.exceptions_until:
            yield f"export again by {self.exceptions_until}: an exception expires then, and admission has no dates"


def exported(levels: Mapping[str, Level], exceptions: Sequence[Exemption], wishes: Wishes) -> Export:
    """`levels` as the environment gives them. Rules over cloud resources alone are none of a cluster's business."""
    live = [each for each in exceptions if not each.expired(datetime.now(UTC).date())]
    chosen = assigned(packs().values(), levels)
    rules = {name: rule for names in chosen.values() for name, rule in _named(names).items()}
    carried = {rule.id for rule in admission.enforceable(rules.values())}
    policies: dict[str, Sequence[Object]] = {}
    for (pack, level), names in chosen.items():
        if able := [rule for name, rule in _named(names).items() if name in carried]:
            effect = Level.ADVISORY if wishes.warn_only else level
            policies[f"cnai-{pack}-{level}"] = _objects(f"cnai-{pack}-{level}", able, effect, live, wishes)
    used = [each.expires for each in live if each.rule in carried]
    fixed = [name for (_, level), names in chosen.items() if level is Level.REMEDIATE for name in names]
    return Export(
        policies=policies,
        enforced=sorted(carried),
        not_enforced={name: reason for name, rule in rules.items() if (reason := _why_not(rule))},
        not_fixed=sorted(name for name in fixed if name in carried and rules[name].fixable),
        exceptions_until=min(used, default=None),
    )


def _named(names: Sequence[str]) -> dict[str, Rule]:
    known = rules_of(packs().values())
    return {name: known[name] for name in names}


def _objects(
    name: str, rules: Sequence[Rule], level: Level, exceptions: Sequence[Exemption], wishes: Wishes
) -> list[Object]:
    if wishes.kyverno:
        return [kyverno.policy(name, rules, level, exceptions, wishes.exempt_namespaces)]
    return [admission.policy(name, rules, exceptions), admission.binding(name, level, wishes.exempt_namespaces)]


def _why_not(rule: Rule) -> str:
    """Empty where the cluster can enforce it, or has nothing to say in it."""
    if rule.is_data or all(":" in kind for kind in rule.applies):
        return ""
    if rule.set_predicate:
        return "they compare several objects"
    return "they need what no expression has (the environment, the catalog, text heuristics)"
