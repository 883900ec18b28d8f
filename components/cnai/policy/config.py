"""What an environment says of policies, as the file that Pulumi hands to the pack (`--policy-pack-config`)."""

import json
from collections.abc import Iterable, Mapping
from dataclasses import asdict
from pathlib import Path
from typing import Any, cast

from pydantic import ValidationError

from cnai.catalog import catalog
from cnai.clouds.pools import Sharing
from cnai.environment import Environment, PoliciesSpec, read_yaml
from cnai.errors import UserError
from cnai.policy.analyzer.given import ENVIRONMENT
from cnai.policy.exceptions import Exemption
from cnai.policy.model import Level
from cnai.policy.packs import packs, rules_of
from cnai.problems import Problem, message, nearest, of_validation


def levels(policies: PoliciesSpec) -> dict[str, Level]:
    """Pack or rule -> level, as the environment says it.

    Raises `UserError` for a name that is none, and for `remediate` where nothing can be fixed.
    """
    known = [*packs(), *rules_of(packs().values())]
    wrong = [
        Problem(("policies", "levels", name), f"no such pack or rule: {nearest(name, known)}")
        for name in policies.levels
        if name not in known
    ]
    wrong += _without_fix(policies)
    wrong += _unknown_rules(policies, ("policies",))
    if wrong:
        raise UserError(message(wrong))
    return {name: Level(level) for name, level in policies.levels.items()}


def _without_fix(policies: PoliciesSpec) -> list[Problem]:
    """A pack at this level fixes what it can; of a rule, or a pack, that can fix nothing it would promise too much."""
    every = packs()
    rules = rules_of(every.values())
    asked = [name for name, level in policies.levels.items() if level == Level.REMEDIATE]
    members = {name: every[name].rules if name in every else (name,) for name in asked if name in {*every, *rules}}
    return [
        Problem(("policies", "levels", name), "it has no safe fix: use mandatory, advisory or disabled")
        for name, ids in members.items()
        if not any(rules[each].fixable for each in ids)
    ]


def _unknown_rules(policies: PoliciesSpec, where: tuple[str, ...]) -> list[Problem]:
    known = list(rules_of(packs().values()))
    return [
        Problem((*where, "exceptions", index, "rule"), f"no such rule: {nearest(each.rule, known)}")
        for index, each in enumerate(policies.exceptions)
        if each.rule not in known
    ]


def exceptions(policies: PoliciesSpec) -> list[Exemption]:
    """The environment's own."""
    return [Exemption.of(each.model_dump()) for each in policies.exceptions]


def exceptions_of_packages(names: Iterable[str]) -> list[Exemption]:
    """Inherent to the charts, from each `package.toml`."""
    chosen = (catalog()[name] for name in names)
    facts = [(package.name, asdict(each)) for package in chosen for each in package.exceptions]
    return [Exemption.of({**words, "package": name}) for name, words in facts]


def exceptions_in(file: Path) -> list[Exemption]:
    """A file of exceptions for manifests that no environment declares: a list, alone or under `exceptions:`.

    Raises `UserError` with a line for each thing that is wrong.
    """
    try:
        given = read_yaml(file.read_text(encoding="utf-8"), str(file))
    except (OSError, UnicodeDecodeError) as error:
        raise UserError(f"--exceptions {file}: it cannot be read ({error})") from None
    words = cast("dict[str, Any]", given) if isinstance(given, dict) else {"exceptions": given or []}
    if set(words) != {"exceptions"}:
        raise UserError(f"--exceptions {file}: give a list, or a mapping with only `exceptions`")
    try:
        policies = PoliciesSpec.model_validate(words)
    except ValidationError as error:
        raise UserError(message(of_validation(error, PoliciesSpec), prefix=f"{file}: ")) from None
    if wrong := _unknown_rules(policies, ()):
        raise UserError(message(wrong, prefix=f"{file}: "))
    return exceptions(policies)


def settings(env: Environment) -> dict[str, Any]:
    """What rules may ask of the environment (`Context.settings`): plain JSON, and nothing secret."""
    policies = env.policies
    return {
        "environment": env.name,
        "production": policies.production,
        "queues": env.has_queues,
        "shared_pools": {name: how for name, pool in env.pools.items() if (how := _shared(pool.sharing))},
        "registries": list(policies.registries),
        "budget_usd_per_hour": policies.budget_usd_per_hour,
        "usd_per_hour_at_max": sum(pool.max * pool.machine.price_usd_per_hour for pool in env.pools.values()),
        "teams": sorted(env.teams),
    }


def _shared(sharing: Sharing) -> str:
    if sharing.mig:
        return "cut into MIG instances"
    return "shared in time" if sharing.time_slices > 1 else ""


def document(
    levels: Mapping[str, Level], exceptions: Iterable[Exemption] = (), settings: Mapping[str, Any] | None = None
) -> dict[str, Any]:
    """The file's content: the level of each pack and rule that is named, and what rules may know."""
    said = {name: level.value for name, level in levels.items()}
    return {**said, ENVIRONMENT: {"exceptions": [each.words for each in exceptions], "settings": dict(settings or {})}}


def of_environment(env: Environment) -> dict[str, Any]:
    overlooked = [*exceptions(env.policies), *exceptions_of_packages(env.packages)]
    return document(levels(env.policies), overlooked, settings(env))


def write(env: Environment, path: Path) -> Path:
    """Writes the file for one environment, and says where it is."""
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(json.dumps(of_environment(env), indent=2) + "\n", encoding="utf-8")
    return path
