"""What a violation of each rule does in one environment."""

from collections.abc import Iterable, Mapping

from cnai.policy.model import Level, Pack

RANK = (Level.DISABLED, Level.ADVISORY, Level.MANDATORY, Level.REMEDIATE)
Assigned = Mapping[tuple[str, Level], tuple[str, ...]]
"""(pack, level) -> rules."""


def level_of(pack: Pack, rule: str, levels: Mapping[str, Level]) -> Level:
    """The environment's word on the rule, else on the pack, else the pack's own."""
    return levels.get(rule) or levels.get(pack.name) or pack.level


def assigned(packs: Iterable[Pack], levels: Mapping[str, Level]) -> dict[tuple[str, Level], tuple[str, ...]]:
    """Every rule once: in the pack that is strictest about it, the first of equals. What is disabled is left out."""
    best: dict[str, tuple[str, Level]] = {}
    for pack in packs:
        for rule in pack.rules:
            level = level_of(pack, rule, levels)
            if rule not in best or RANK.index(level) > RANK.index(best[rule][1]):
                best[rule] = (pack.name, level)
    found: dict[tuple[str, Level], tuple[str, ...]] = {}
    for rule, where in best.items():
        if where[1] is not Level.DISABLED:
            found[where] = (*found.get(where, ()), rule)
    return found


def by_rule(packs: Iterable[Pack], levels: Mapping[str, Level]) -> dict[str, Level]:
    """Rule -> the strictest level that it has; what is disabled is left out."""
    return {rule: level for (_, level), rules in assigned(packs, levels).items() for rule in rules}
