"""What an environment says of policies, as the file that Pulumi hands to the pack (`--policy-pack-config`)."""

import json
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any

from cnai.environment import Environment, PoliciesSpec
from cnai.environment.problems import Problem, message, nearest
from cnai.errors import UserError
from cnai.policy.analyzer.given import ENVIRONMENT
from cnai.policy.exceptions import Exemption
from cnai.policy.model import Level
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
        "usd_per_hour_at_max": sum(pool.max * pool.machine.price_usd_per_hour for pool in env.pools.values()),
        "teams": sorted(env.teams),
    }


def document(
    levels: Mapping[str, Level], exceptions: Iterable[Exemption] = (), settings: Mapping[str, Any] | None = None
) -> dict[str, Any]:
    """The file's content: the level of each pack and rule that is named, and what rules may know."""
    said = {name: level.value for name, level in levels.items()}
    return {**said, ENVIRONMENT: {"exceptions": [each.words for each in exceptions], "settings": dict(settings or {})}}


def of_environment(env: Environment) -> dict[str, Any]:
    return document(levels(env.policies), exceptions(env.policies), settings(env))


def write(env: Environment, path: Path) -> Path:
    """Writes the file for one environment, and says where it is."""
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(json.dumps(of_environment(env), indent=2) + "\n", encoding="utf-8")
    return path
