"""What rules answer to: benchmarks and guides by name, each in the edition whose numbers are meant."""

from collections.abc import Mapping
from dataclasses import dataclass
from functools import cache
from typing import Any, cast

import yaml

from cnai.policy.loading import LOADER, rules_dir
from cnai.policy.model import Rule


@dataclass(frozen=True, kw_only=True)
class Framework:
    name: str
    """As rules name it."""
    title: str
    edition: str
    controls: tuple[str, ...]
    """Those that were looked up in this edition."""


@cache
def frameworks() -> Mapping[str, Framework]:
    """By name (`policies/frameworks.yaml`)."""
    text = rules_dir().with_name("frameworks.yaml").read_text(encoding="utf-8")
    given = cast("dict[str, dict[str, Any]]", yaml.load(text, LOADER))
    return {
        name: Framework(
            name=name, title=row["title"], edition=row["edition"], controls=tuple(map(str, row["controls"]))
        )
        for name, row in given.items()
    }


def answered(rule: Rule) -> dict[str, list[str]]:
    """Title and edition of each framework -> the rule's controls in it."""
    known = frameworks()
    return {f"{known[name].title} {known[name].edition}": list(ids) for name, ids in rule.frameworks.items()}


def tags(rule: Rule) -> list[str]:
    """`cis-kubernetes-1.11/5.2.2`: one word for each control, edition included."""
    editions = {name: known.edition.partition(",")[0] for name, known in frameworks().items()}
    return [f"{name}-{editions[name]}/{each}" for name, ids in rule.frameworks.items() for each in ids]
