"""What `--policy-pack-config` says: levels of packs and rules by name, and what rules may know of the environment."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, date, datetime
from functools import cached_property
from typing import Any

from cnai.errors import UserError
from cnai.policy.exceptions import Exemption
from cnai.policy.levels import by_rule
from cnai.policy.model import Level, Pack, Resource, Rule

ENVIRONMENT = "environment"
"""The entry that is neither a pack nor a rule, but has `exceptions` and `settings` (`cnai.policy.config.settings`)."""
UNDECIDED = "undecided"
"""How strict to be about what depends on a value that is not known yet: `disabled`, `advisory` or `mandatory`."""
ALL = "all"
"""Pulumi's own word; the engine has put this level on every pack before it tells us."""
Entry = tuple[Level | None, Mapping[str, Any]]


def _today() -> date:
    return datetime.now(UTC).date()


@dataclass(frozen=True, kw_only=True)
class Given:
    """What holds in one preview or update."""

    levels: Mapping[str, Level]
    """Rule -> level; what is disabled is left out."""
    undecided: Level = Level.ADVISORY
    exceptions: Sequence[Exemption] = ()
    settings: Mapping[str, Any] = field(default_factory=dict[str, Any])
    today: date = field(default_factory=_today)

    @cached_property
    def live(self) -> list[Exemption]:
        """Exceptions that have not expired."""
        return [each for each in self.exceptions if not each.expired(self.today)]

    def fixes(self, rule: Rule, resource: Resource) -> bool:
        """Whether what breaks the rule there is to be fixed; what is excepted is left as it is."""
        broken = rule.violation("", resource=resource)
        return self.levels.get(rule.id) is Level.REMEDIATE and not any(each.covers(broken) for each in self.live)

    @classmethod
    def of(cls, config: Mapping[str, Entry], packs: Mapping[str, Pack]) -> "Given":
        """Raises `UserError` for a name that is neither a pack nor a rule, and for an incomplete exception."""
        words = config.get(ENVIRONMENT, (None, {}))[1]
        given = {name: level for name, (level, _) in config.items() if level is not None}
        undecided = given.get(UNDECIDED, Level.ADVISORY)
        named = {name: level for name, level in given.items() if name not in (ENVIRONMENT, UNDECIDED, ALL)}
        _refuse_unknown(named, packs)
        return cls(
            levels=by_rule(packs.values(), named),
            undecided=undecided,
            exceptions=[_exemption(each) for each in words.get("exceptions") or ()],
            settings=words.get("settings") or {},
        )


def _refuse_unknown(names: Iterable[str], packs: Mapping[str, Pack]) -> None:
    known = {*packs, *(rule for pack in packs.values() for rule in pack.rules)}
    if unknown := sorted(set(names) - known):
        raise UserError(
            f"there is no pack or rule {', '.join(unknown)}: `./cnai policy list` lists all; "
            f"apart from those, only {ENVIRONMENT} and {UNDECIDED} may be in this file"
        )


def _exemption(words: Mapping[str, Any]) -> Exemption:
    try:
        return Exemption.of(words)
    except (KeyError, ValueError, TypeError, AttributeError) as error:
        raise UserError(
            f"{ENVIRONMENT}.exceptions: each needs rule, resource, reason, owner and expires (a day): {error}"
        ) from None
