"""Outputs as templates: `arn:aws:ec2:{region}:{account}:vpc/{id}`, filled from inputs and facts of the account.

`{a.b[0]}` is a path into the inputs, `{a|b|=text}` the first of several that is there, `{hex:17}` and `{uuid}` are
made from the resource's seed and so the same each time. A template that is one `{...}` keeps the value's type; where
that is not there, the output is left out.
"""

import hashlib
import re
import uuid
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, cast

from cnai.plugin.values import UNKNOWN, Computed, Secret

_PART = re.compile(r"\{([^{}]+)\}")
_STEP = re.compile(r"[^.\[\]]+")
MISSING = object()


@dataclass(frozen=True)
class Facts:
    """What a template may name: the resource's inputs, and what the provider and the account know."""

    inputs: Mapping[str, Any]
    known: Mapping[str, Any]
    seed: str

    def look_up(self, path: str) -> Any:
        """The value of one alternative, or `MISSING`."""
        if path.startswith("="):
            return path[1:]
        if path == "uuid" or path.startswith(("hex:", "uuid:", "number:")):
            return made_up(path, self.seed)
        found = at(self.inputs, path)
        return at(self.known, path) if found is MISSING else found


def at(value: Any, path: str) -> Any:
    """The value at a path such as `a.b[0]`; `UNKNOWN` where the way leads through one."""
    for step in cast("list[str]", _STEP.findall(path)):
        value = value.value if isinstance(value, Secret) else value
        if isinstance(value, Computed):
            return UNKNOWN
        if isinstance(value, Mapping) and step in value:
            value = cast("Mapping[str, Any]", value)[step]
        elif isinstance(value, list) and step.isdigit() and int(step) < len(cast("list[Any]", value)):
            value = cast("list[Any]", value)[int(step)]
        else:
            return MISSING
    return value


def made_up(what: str, seed: str) -> str:
    """`hex:17`, `number:12`, `uuid`; `uuid:client` is another one than `uuid`."""
    kind, _, detail = what.partition(":")
    digest = hashlib.sha256(f"{seed}/{kind}{'' if detail.isdigit() else detail}".encode()).hexdigest()
    if kind == "uuid":
        return str(uuid.UUID(digest[:32], version=4))
    size = int(detail)
    return digest[:size] if kind == "hex" else str(int(digest, 16))[:size]


def filled(template: Any, facts: Facts) -> Any:
    """A template, whatever it is made of; `MISSING` where it names nothing that is there."""
    if isinstance(template, str):
        return _text(template, facts)
    if isinstance(template, Mapping):
        items = {key: filled(inner, facts) for key, inner in cast("Mapping[str, Any]", template).items()}
        return {key: value for key, value in items.items() if value is not MISSING}
    if isinstance(template, list):
        return [value for inner in cast("list[Any]", template) if (value := filled(inner, facts)) is not MISSING]
    return template


def _text(template: str, facts: Facts) -> Any:
    whole = _PART.fullmatch(template)
    if whole:
        return _first(whole[1], facts)
    values = [_first(part, facts) for part in cast("list[str]", _PART.findall(template))]
    if any(isinstance(value, Computed) for value in values):
        return UNKNOWN
    texts = iter("" if value is MISSING else str(value) for value in values)
    return _PART.sub(lambda _: next(texts), template)


def _first(alternatives: str, facts: Facts) -> Any:
    found = (facts.look_up(path) for path in alternatives.split("|"))
    value = next((each for each in found if each is not MISSING), MISSING)
    return value.value if isinstance(value, Secret) else value
