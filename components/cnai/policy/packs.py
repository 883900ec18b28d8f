"""Packs: rules that are switched on together (`policies/packs.yaml`)."""

from collections.abc import Iterable, Mapping
from functools import cache
from pathlib import Path
from typing import Any, cast

import yaml

from cnai.errors import UserError
from cnai.policy.loading import LOADER, rules, rules_dir
from cnai.policy.model import Level, Pack, Rule


def packs_file() -> Path:
    """Beside the rules, in the checkout as in the wheel."""
    return rules_dir().parent / "packs.yaml"


@cache
def packs() -> Mapping[str, Pack]:
    """All packs by name. Raises `UserError` for one that names a rule that is not there."""
    return read(packs_file().read_text(encoding="utf-8"), rules())


@cache
def listed() -> Mapping[str, Pack]:
    """The same without a look at the rules, which take ten times as long to load."""
    return read(packs_file().read_text(encoding="utf-8"))


def read(text: str, known: Mapping[str, Rule] | None = None) -> dict[str, Pack]:
    """Raises `UserError` for a rule that is not among the `known` ones."""
    given = cast("dict[str, dict[str, Any]]", yaml.load(text, LOADER) or {})
    found = {name: _pack(name, row) for name, row in given.items()}
    for pack in found.values() if known is not None else ():
        if missing := [rule for rule in pack.rules if rule not in (known or ())]:
            raise UserError(
                f"pack {pack.name}: there is no rule {', '.join(missing)}: known rules are {', '.join(known or ())}"
            )
    return found


def _pack(name: str, row: Mapping[str, Any]) -> Pack:
    return Pack(name=name, title=row["title"], rules=tuple(row["rules"]), level=Level(row.get("level", "mandatory")))


def pack(name: str) -> Pack:
    """Raises `UserError` where there is none of that name."""
    if name not in packs():
        raise UserError(f"there is no pack {name!r}: give one of {', '.join(sorted(packs()))}")
    return packs()[name]


def rules_of(chosen: Iterable[Pack]) -> dict[str, Rule]:
    """Rules of some packs, each once."""
    return {rule: rules()[rule] for each in chosen for rule in each.rules}
