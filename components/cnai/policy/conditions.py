"""Whether a condition of the rule language holds: True, False, or None where it depends on an unknown value."""

import re
from collections.abc import Callable, Iterable, Mapping
from typing import Any

from cnai.policy.language import ABSENT_PASSES, All, AnyOf, Condition, Not, Path, Quantified, Test
from cnai.policy.values import Unknown
from cnai.policy.walking import WrongType, walk

Truth = bool | None
Held = Callable[[Any, Any], Truth]
"""(item, subject) -> truth."""


def holds(condition: Condition, item: Any, subject: Any) -> Truth:
    """Raises `WrongType` where the object is not built as the paths say."""
    kept = _COMPILED.get(id(condition))
    if kept is None:
        kept = _COMPILED[id(condition)] = (_compile(condition), condition)
    return kept[0](item, subject)


_COMPILED: dict[int, tuple[Held, Condition]] = {}
"""By identity: conditions hold lists, so they have no hash. Each is kept, so that its id stays its own."""


def _compile(condition: Condition) -> Held:
    match condition:
        case Test():
            return _test(condition)
        case All(inner):
            parts = [_compile(each) for each in inner]
            return lambda item, subject: conjunction(part(item, subject) for part in parts)
        case AnyOf(inner):
            parts = [_compile(each) for each in inner]
            return lambda item, subject: disjunction(part(item, subject) for part in parts)
        case Not(inner):
            part = _compile(inner)
            return lambda item, subject: negation(part(item, subject))
        case Quantified():
            return _quantified(condition)


def conjunction(truths: Iterable[Truth]) -> Truth:
    result: Truth = True
    for truth in truths:
        if truth is False:
            return False
        if truth is None:
            result = None
    return result


def disjunction(truths: Iterable[Truth]) -> Truth:
    result: Truth = False
    for truth in truths:
        if truth:
            return True
        if truth is None:
            result = None
    return result


def negation(truth: Truth) -> Truth:
    return None if truth is None else not truth


def _quantified(condition: Quantified) -> Held:
    part, combined = _compile(condition.condition), conjunction if condition.every else disjunction

    def held(item: Any, subject: Any) -> Truth:
        start = subject if condition.path.anchored else item
        found = [each.value for each in walk(condition.path, start)]
        return combined(None if isinstance(each, Unknown) else part(each, subject) for each in found)

    return held


def _test(test: Test) -> Held:
    passes, absent = _OPERATORS[test.operator](test.value), _absent(test)

    def one(value: Any) -> Truth:
        if value is None:
            return absent
        return None if isinstance(value, Unknown) else passes(value)

    if test.path.single:
        read, inherited = _reader(test.path), _reader(test.inherits) if test.inherits else None

        def held(item: Any, subject: Any) -> Truth:
            value = read(item, subject)
            if value is None and inherited:
                value = inherited(item, subject)
            return one(value)

        return held
    path = test.path
    return lambda item, subject: conjunction(
        one(found.value) for found in walk(path, subject if path.anchored else item)
    )


def _absent(test: Test) -> bool:
    if test.operator == "exists":
        return test.value is False
    return test.optional or test.operator in ABSENT_PASSES


def _reader(path: Path) -> Callable[[Any, Any], Any]:
    keys, anchored = path.keys, path.anchored

    def read(item: Any, subject: Any) -> Any:
        value = subject if anchored else item
        for index, key in enumerate(keys):
            if type(value) is dict:
                value = value.get(key)
            elif value is None or isinstance(value, Unknown):
                return value
            elif isinstance(value, Mapping):
                value = value.get(key)
            else:
                raise WrongType(".".join(keys[:index]) or "it", value, "a map")
        return value

    return read


def same(left: Any, right: Any) -> bool:
    """Equal as Kubernetes sees it: 1 is not true, and 0 is not false."""
    return left == right and isinstance(left, bool) == isinstance(right, bool)


def _among(allowed: Iterable[Any]) -> Callable[[Any], bool]:
    values = list(allowed)
    return lambda value: any(same(value, each) for each in values)


def _in(values: Any) -> Callable[[Any], Truth]:
    among = _among(values)
    return lambda value: among(value) or (None if _holds_unknown(value) else False)


def _not_in(values: Any) -> Callable[[Any], Truth]:
    inside = _in(values)
    return lambda value: negation(inside(value))


def _exists(wanted: Any) -> Callable[[Any], Truth]:
    return lambda _: wanted


def _matches(pattern: Any) -> Callable[[Any], Truth]:
    # RE2's `$` is the end of the text; Python's is also before a last line break.
    search = re.compile(re.sub(r"(?<!\\)\$", r"\\Z", pattern)).search
    return lambda value: isinstance(value, str) and search(value) is not None


def _not_matches(pattern: Any) -> Callable[[Any], Truth]:
    matches = _matches(pattern)
    return lambda value: isinstance(value, str) and not matches(value)


def _number(value: Any) -> bool:
    return isinstance(value, int | float) and not isinstance(value, bool)


def _at_least(least: Any) -> Callable[[Any], Truth]:
    return lambda value: _number(value) and value >= least


def _at_most(most: Any) -> Callable[[Any], Truth]:
    return lambda value: _number(value) and value <= most


def _contains(wanted: Any) -> Callable[[Any], Truth]:
    return lambda value: (
        isinstance(value, list)
        and disjunction(None if isinstance(each, Unknown) else same(each, wanted) for each in value)
    )


def _subset(allowed: Any) -> Callable[[Any], Truth]:
    inside = _in(allowed)
    return lambda value: (
        isinstance(value, list) and conjunction(None if isinstance(each, Unknown) else inside(each) for each in value)
    )


def _has_any_of(keys: Any) -> Callable[[Any], Truth]:
    def passes(value: Any) -> Truth:
        if not isinstance(value, Mapping):
            return False
        there = [value[key] for key in keys if value.get(key) is not None]
        return True if any(not isinstance(each, Unknown) for each in there) else None if there else False

    return passes


def _holds_unknown(value: Any) -> bool:
    """A map or list that is not wholly known may yet come out equal."""
    if isinstance(value, Mapping):
        return any(map(_holds_unknown, value.values()))
    if isinstance(value, list):
        return any(map(_holds_unknown, value))
    return isinstance(value, Unknown)


_OPERATORS: Mapping[str, Callable[[Any], Callable[[Any], Truth]]] = {
    "exists": _exists,
    "equals": lambda value: _in([value]),
    "in": _in,
    "notIn": _not_in,
    "matches": _matches,
    "notMatches": _not_matches,
    "atLeast": _at_least,
    "atMost": _at_most,
    "contains": _contains,
    "subset": _subset,
    "hasAnyOf": _has_any_of,
}


def offending(condition: Condition, item: Any, subject: Any) -> str:
    """`, not "SYS_ADMIN"`: the values that fail a plain test; nothing if it is unclear which one it is."""
    if not isinstance(condition, Test):
        return ""
    passes = _OPERATORS[condition.operator](condition.value)
    found = [each.value for each in walk(condition.path, subject if condition.path.anchored else item)]
    flat = [inner for each in found for inner in (each if isinstance(each, list) else [each])]
    listed = condition.operator == "subset"
    bad = [each for each in flat if isinstance(each, str | int) and passes([each] if listed else each) is False]
    shown = ", ".join(f'"{each}"' if isinstance(each, str) else str(each).lower() for each in bad)
    return f", not {shown}" if shown else ""
