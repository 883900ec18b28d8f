"""What resources of one type have in common: said once in a golden."""

import json
import re
from collections import Counter
from collections.abc import Iterable, Mapping
from typing import Any

FEW = 3
"""So many resources of a type have something usual; what is shorter in values than this is told in full."""

Body = dict[str, Any]
"""A resource's options, and its `inputs`."""


def usual(group: Mapping[str, Body]) -> Body:
    """What more than half of them say."""
    if len(group) < FEW:
        return {}
    said = Counter((name, json.dumps(value)) for body in group.values() for name, value in _plain(body).items())
    return {name: json.loads(value) for (name, value), count in sorted(said.items()) if count * 2 > len(group)}


def unusual(body: Body, common: Body) -> Body:
    """What is left to say of one."""
    plain, inputs = _plain(body), body.get("inputs", {})
    same = {name for name, value in common.items() if json.dumps(plain.get(name)) == json.dumps(value)}
    lacks = body.get("lacks", []) + sorted(name for name in common if name not in inputs and name not in body)
    rest = {name: value for name, value in inputs.items() if name not in same}
    kept = {name: value for name, value in body.items() if name not in {"inputs", *(same & {"aliases"})}}
    return kept | ({"lacks": lacks} if lacks else {}) | ({"inputs": rest} if rest else {})


def _plain(body: Body) -> Body:
    """What may be usual: values without anything inside."""
    inputs = body.get("inputs", {}).items()
    told = {name: value for name, value in inputs if isinstance(value, bool | int | float | str)}
    return told | ({"aliases": body["aliases"]} if "aliases" in body else {})


def alike(group: Mapping[str, Body]) -> Iterable[tuple[str, str]]:
    """Each that is an earlier one over again, with that one."""
    told: dict[str, Body] = {}
    for key, body in group.items():
        found = next((other for other, said in told.items() if _renamed(said, other, key) == _sorted(body)), None)
        if found and _values(body) >= FEW:
            yield key, found
        else:
            told[key] = body


def _renamed(body: Body, old: str, new: str) -> Body | None:
    """With the part in which the two names differ replaced wherever it is a word."""
    before, after = _differ(old.partition("::")[2].split("-"), new.partition("::")[2].split("-"))
    if not before or not after:
        return None
    word = re.compile(rf"(?<![A-Za-z0-9]){re.escape('-'.join(before))}(?![A-Za-z0-9])")
    return _sorted(_replaced(body, word, "-".join(after)))


def _differ(before: list[str], after: list[str]) -> tuple[list[str], list[str]]:
    """Without the words at both ends that are the same."""
    while before and after and before[0] == after[0]:
        before, after = before[1:], after[1:]
    while before and after and before[-1] == after[-1]:
        before, after = before[:-1], after[:-1]
    return before, after


def _replaced(value: Any, word: re.Pattern[str], new: str) -> Any:
    if isinstance(value, dict):
        return type(value)({_replaced(key, word, new): _replaced(each, word, new) for key, each in value.items()})
    if isinstance(value, list):
        return [_replaced(each, word, new) for each in value]
    return word.sub(lambda _: new, value) if isinstance(value, str) else value


def _sorted(body: Body) -> Body:
    """`after` has no order of its own."""
    return {**body, "after": sorted(body["after"])} if "after" in body else body


def _values(value: Any) -> int:
    if isinstance(value, dict | list):
        return sum(_values(each) for each in (value.values() if isinstance(value, dict) else value))
    return 1
