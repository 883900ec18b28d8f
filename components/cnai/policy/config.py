"""What an environment says of policies, as the file that Pulumi hands to the pack (`--policy-pack-config`)."""

import json
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any

from cnai.environment import Environment, PoliciesSpec
from cnai.environment.problems import Problem, message, nearest
from cnai.errors import UserError
from cnai.policy.exceptions import Exemption
from cnai.policy.levels import RANK, assigned
from cnai.policy.model import Level, Pack
from cnai.policy.packs import packs, rules_of


def levels(policies: PoliciesSpec) -> dict[str, Level]:
    """Pack or rule -> level, as the environment says it. Raises `UserError` for a name that is none."""
    known = [*packs(), *rules_of(packs().values())]
    wrong = [
        Problem(("policies", "levels", name), f"no such pack or rule: {nearest(name, known)}")
        for name in policies.levels
        if name not in known
    ]
    wrong += [
        Problem(("policies", "exceptions", index, "rule"), f"no such rule: {nearest(each.rule, known)}")
        for index, each in enumerate(policies.exceptions)
        if each.rule not in known
    ]
    if wrong:
        raise UserError(message(wrong))
    return {name: Level(level) for name, level in policies.levels.items()}


def exceptions(policies: PoliciesSpec) -> list[Exemption]:
    return [Exemption.of(each.model_dump()) for each in policies.exceptions]


def settings(env: Environment) -> dict[str, Any]:
    """What rules may ask of the environment (`Context.settings`): plain JSON, and nothing secret."""
    policies = env.policies
    return {
        "environment": env.name,
        "production": policies.production,
        "registries": list(policies.registries),
        "budget_usd_per_hour": policies.budget_usd_per_hour,
        "teams": sorted(env.teams),
    }


def policy_name(pack: str, level: Level, over_the_stack: bool = False) -> str:
    """One Pulumi policy for each pack and level; rules over all resources are policies of their own kind."""
    return f"{pack}-stack-{level}" if over_the_stack else f"{pack}-{level}"


UNDECIDED = "undecided"
"""The policy that lists what depends on values which are not known yet."""


def document(
    levels: Mapping[str, Level], exceptions: Iterable[Exemption] = (), settings: Mapping[str, Any] | None = None
) -> dict[str, Any]:
    """The file's content: policy -> its level, rules, exceptions and settings; a policy without rules is off."""
    chosen = assigned(packs().values(), levels)
    shared = {"exceptions": [each.words for each in exceptions], "settings": dict(settings or {})}
    found: dict[str, Any] = {UNDECIDED: {"enforcementLevel": Level.ADVISORY.value}}
    for pack in packs().values():
        for level in RANK[1:]:
            for over_the_stack in (False, True):
                rules = of_kind(pack, chosen.get((pack.name, level), ()), over_the_stack)
                on = {"enforcementLevel": level.value, "rules": rules, **shared}
                off = {"enforcementLevel": Level.DISABLED.value}
                found[policy_name(pack.name, level, over_the_stack)] = on if rules else off
    return found


def of_kind(pack: Pack, names: Iterable[str], over_the_stack: bool) -> list[str]:
    """Those of some rules of a pack that look at all resources at once, or at one at a time."""
    known = rules_of([pack])
    return [name for name in names if (known[name].set_predicate is not None) == over_the_stack]


def of_environment(env: Environment) -> dict[str, Any]:
    return document(levels(env.policies), exceptions(env.policies), settings(env))


def write(env: Environment, path: Path) -> Path:
    """Writes the file for one environment, and says where it is."""
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(json.dumps(of_environment(env), indent=2) + "\n", encoding="utf-8")
    return path
