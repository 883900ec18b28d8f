"""Reads the rule language from what YAML gives."""

import re
from collections.abc import Mapping, Sequence
from typing import Any

from cnai.policy.language import (
    ALIASES,
    OPERATORS,
    All,
    AnyOf,
    Check,
    Condition,
    Each,
    Key,
    LanguageError,
    Not,
    Path,
    Quantified,
    Step,
    Test,
)

_STEP = re.compile(r"\[\*\]|\['([^']*)'\]|\.?([A-Za-z_][A-Za-z0-9_-]*)")


def path(text: Any) -> Path:
    if not isinstance(text, str) or not text:
        raise LanguageError(f"a path is a string, got {text!r}")
    if text == ".":
        return Path(text, ())
    rest, steps, at = text.removeprefix("/"), list[Step](), 0
    while at < len(rest):
        found = _STEP.match(rest, at)
        if not found or (at == 0 and found[0].startswith(".")):
            raise LanguageError(f"path {text!r}: cannot read {rest[at:]!r}")
        steps.append(_step(found))
        at = found.end()
    return Path(text, tuple(steps), text.startswith("/"))


def _step(found: re.Match[str]) -> Step:
    if found[0] == "[*]":
        return Each()
    if found[2]:
        return Key(found[2])
    return Each(found[1][:-1]) if found[1].endswith("*") else Key(found[1])


def condition(given: Any) -> Condition:
    """Reads what YAML gives. Raises `LanguageError`."""
    if not isinstance(given, Mapping):
        raise LanguageError(f"a condition is a mapping, got {given!r}")
    words = dict(given)
    for word, made in (("all", All), ("any", AnyOf)):
        if word in words:
            _only(words, {word})
            return made(tuple(condition(each) for each in _list(words[word], word)))
    if "not" in words:
        _only(words, {"not"})
        return Not(condition(words["not"]))
    for word in ("every", "some"):
        if word in words:
            _only(words, {word, "satisfies"})
            inner = condition(words.get("satisfies", {"path": ".", "exists": True}))
            return Quantified(path(words[word]), word == "every", inner)
    return _test(words)


def _test(words: dict[str, Any]) -> Test:
    operators = OPERATORS & set(words)
    if "path" not in words or len(operators) != 1:
        raise LanguageError(f"give a path and one of {', '.join(sorted(OPERATORS))}, got {words!r}")
    (operator,) = operators
    _only(words, {"path", operator, "optional", "inherits"})
    value, inherits = words[operator], words.get("inherits")
    _fits(operator, value)
    found = Test(
        path(words["path"]), operator, value, bool(words.get("optional")), path(inherits) if inherits else None
    )
    if found.inherits and not (found.path.single and found.inherits.single):
        raise LanguageError(f"path {found.path.text!r}: only a path without wildcards can inherit")
    return found


def _fits(operator: str, value: Any) -> None:
    if operator in ("in", "notIn", "subset", "hasAnyOf"):
        _list(value, operator)
    elif operator == "exists" and not isinstance(value, bool):
        raise LanguageError(f"exists: give true or false, got {value!r}")
    elif operator in ("atLeast", "atMost") and (isinstance(value, bool) or not isinstance(value, int | float)):
        raise LanguageError(f"{operator}: give a number, got {value!r}")
    elif operator in ("matches", "notMatches"):
        _re2(value)


def _re2(pattern: Any) -> None:
    """What Python's `re` and RE2 read alike."""
    if not isinstance(pattern, str) or re.search(r"\(\?[=!<P]|\\[1-9zZ]", pattern):
        raise LanguageError(f"{pattern!r}: give a pattern without look-around, back references, \\z and \\Z")
    try:
        re.compile(pattern)
    except re.error as error:
        raise LanguageError(f"{pattern!r}: {error}") from error


def check(given: Any) -> Check:
    if not isinstance(given, Mapping) or not isinstance(given.get("must"), str):
        raise LanguageError(f"a check is a mapping with `must`, got {given!r}")
    words = dict(given)
    each, where, fix = words.pop("each", ()), words.pop("where", None), words.pop("fix", {})
    must, show = words.pop("must"), bool(words.pop("show", False))
    names = [each] if isinstance(each, str) else _list(each, "each") if each else []
    paths = tuple(path(real) for name in names for real in ALIASES.get(name, (name,)))
    return Check(
        each=paths,
        condition=condition(words),
        must=must,
        where=condition(where) if where else None,
        show=show,
        fix=tuple((_fixable(path(key)), value) for key, value in fix.items()),
    )


def _fixable(found: Path) -> Path:
    if found.anchored or not found.single or not found.steps:
        raise LanguageError(f"fix: {found.text!r} must be a plain path inside the item")
    return found


def _only(words: Mapping[str, Any], allowed: set[str]) -> None:
    if extra := sorted(set(words) - allowed):
        raise LanguageError(f"unknown keys {', '.join(map(str, extra))}; allowed are {', '.join(sorted(allowed))}")


def _list(value: Any, word: str) -> Sequence[Any]:
    if not isinstance(value, list) or not value:
        raise LanguageError(f"{word}: give a list, got {value!r}")
    return value
