"""Data rules as CEL expressions: the same truth, in the words of the API server.

Values are made `dyn` wherever the type checker would otherwise settle on the first type that they are compared with.
One thing differs: text where a map belongs reads as a map that is empty. No kind with a schema lets such an object in.
"""

import json
import re
from collections.abc import Callable, Iterable
from typing import Any

from cnai.policy.language import ABSENT_PASSES, All, AnyOf, Check, Condition, Each, Key, Not, Path, Quantified, Test
from cnai.policy.model import Rule
from cnai.policy.workloads import Workload

_PLAIN = re.compile(r"[A-Za-z_][A-Za-z0-9_]*\Z")
_RESERVED = re.compile(
    r"(false|in|null|true|as|break|const|continue|else|for|function|if|import|let|loop|package|namespace|return|var"
    r"|void|while)\Z"
)
TEMPLATES, SUBJECT = "variables.templates", "variables.subject"


def expression(rule: Rule) -> str:
    """True where the rule passes; an error of CEL's own means what `WrongType` means, and denies.

    Expects `variables.templates` (pod templates of the object) or `variables.subject` (the object) to be there.
    """
    if "pod" in rule.applies:
        return f"{TEMPLATES}.all(t, {_subject(rule, 't')})"
    return _subject(rule, SUBJECT)


def _subject(rule: Rule, subject: str) -> str:
    spared = [_negated(_condition(rule.when, subject, subject, 0))] if rule.when else []
    spared += [_condition(rule.unless, subject, subject, 0)] if rule.unless else []
    return _either([*spared, _both([_check(check, subject) for check in rule.checks])])


def _check(check: Check, subject: str) -> str:
    def item(value: str, depth: int) -> str:
        spared = [_negated(_condition(check.where, value, subject, depth))] if check.where else []
        return _either([*spared, _condition(check.condition, value, subject, depth)])

    if not check.each:
        return item(subject, 0)
    return _both([_each(path, subject, item, True, 0, "{}") for path in check.each])


def _condition(condition: Condition, item: str, subject: str, depth: int) -> str:
    match condition:
        case Test():
            return _test(condition, item, subject, depth)
        case All(inner):
            return _both([_condition(each, item, subject, depth) for each in inner])
        case AnyOf(inner):
            return _either([_condition(each, item, subject, depth) for each in inner])
        case Not(inner):
            return _negated(_condition(inner, item, subject, depth))
        case Quantified(path, every, inner):
            start = subject if path.anchored else item
            return _each(
                path, start, lambda value, deep: _condition(inner, value, subject, deep), every, depth, "dyn(null)"
            )


def _test(test: Test, item: str, subject: str, depth: int) -> str:
    start = subject if test.path.anchored else item

    def held(value: str, deep: int) -> str:
        del deep
        passes = _OPERATORS[test.operator](value, test.value)
        if test.operator == "exists" or not (test.optional or test.operator in ABSENT_PASSES):
            return passes
        return f"({value} == null || {passes})"

    if not test.inherits:
        return _each(test.path, start, held, True, depth, "dyn(null)")
    own = _value(list(test.path.keys), start, "dyn(null)")
    other = _value(list(test.inherits.keys), subject if test.inherits.anchored else item, "dyn(null)")
    return held(f"({own} != null ? {own} : {other})", depth)


def _each(path: Path, start: str, held: Callable[[str, int], str], every: bool, depth: int, absent: str) -> str:
    """`held` of every value at the path, or of some; `absent` stands for what is not there."""
    keys, macro = list[str](), "all" if every else "exists"
    for index, step in enumerate(path.steps):
        if isinstance(step, Key):
            keys.append(step.name)
            continue
        rest, name = Path(path.text, path.steps[index + 1 :]), f"v{depth}"
        if step.prefix is None:
            inside = _each(rest, name if rest.steps else f"dyn({name})", held, every, depth + 1, absent)
            return f"{_as_list(_value(keys, start, '[]'))}.{macro}({name}, {inside})"
        return _each_key(_as_map(_value(keys, start, "{}")), step, rest, (held, every, depth, absent))
    return held(_value(keys, start, absent), depth)


def _each_key(container: str, step: Each, rest: Path, how: tuple[Callable[[str, int], str], bool, int, str]) -> str:
    held, every, depth, absent = how
    name = f"k{depth}"
    inside = _each(rest, f"dyn({container}[{name}])", held, every, depth + 1, absent)
    starts = f"{name}.startsWith({literal(step.prefix)})"
    if not every:
        return f"{container}.exists({name}, {_both([starts, inside] if step.prefix else [inside])})"
    return f"{container}.all({name}, {_either([_negated(starts), inside] if step.prefix else [inside])})"


def _as_list(value: str) -> str:
    """CEL goes through the keys of a map as through a list; adding a list to one is an error instead."""
    return f"({value} + [])"


def _as_map(value: str) -> str:
    """The other way round: nothing but a map gets through."""
    return f"(type({value}) == map ? {value} : dyn(0))"


def _optional(keys: Iterable[str], start: str) -> str:
    return start + "".join(
        f".?{key}" if _PLAIN.match(key) and not _RESERVED.match(key) else f"[?{literal(key)}]" for key in keys
    )


def _value(keys: list[str], start: str, absent: str) -> str:
    return f"{_optional(keys, start)}.orValue({absent})" if keys else start


_OPERATORS: dict[str, Callable[[str, Any], str]] = {
    "exists": lambda value, wanted: f"{value} != null" if wanted else f"{value} == null",
    "equals": lambda value, wanted: f"{value} == {literal(wanted)}",
    "in": lambda value, allowed: f"{value} in {literal(allowed)}",
    "notIn": lambda value, refused: f"!({value} in {literal(refused)})",
    "matches": lambda value, pattern: f"(type({value}) == string && {value}.matches({literal(pattern)}))",
    "notMatches": lambda value, pattern: f"(type({value}) == string && !{value}.matches({literal(pattern)}))",
    "atLeast": lambda value, least: f"({value} != null && {value} >= {literal(least)})",
    "atMost": lambda value, most: f"({value} != null && {value} <= {literal(most)})",
    "contains": lambda value, wanted: f"({value} != null && {literal(wanted)} in {_as_list(value)})",
    "subset": lambda value, allowed: f"{_as_list(value)}.all(e, e in {literal(allowed)})",
    "hasAnyOf": lambda value, keys: (
        f"({value} != null && {literal(keys)}.exists(k, {value}[?k].orValue(dyn(null)) != null))"
    ),
}


def literal(value: Any) -> str:
    """JSON's texts are CEL's too. Elements of mixed types go in as dyn: the API server wants lists of one type."""
    if isinstance(value, list):
        mixed = len({type(each) for each in value}) > 1
        return "[" + ", ".join(f"dyn({literal(each)})" if mixed else literal(each) for each in value) + "]"
    if isinstance(value, dict):
        return "{" + ", ".join(f"{literal(key)}: dyn({literal(each)})" for key, each in value.items()) + "}"
    return json.dumps(value, ensure_ascii=False)


def _both(parts: list[str]) -> str:
    return parts[0] if len(parts) == 1 else "(" + " && ".join(parts) + ")"


def _either(parts: list[str]) -> str:
    return parts[0] if len(parts) == 1 else "(" + " || ".join(parts) + ")"


def _negated(part: str) -> str:
    return f"!({part})"


def templates(kinds: Iterable[Workload], kind: str = "variables.kind") -> str:
    """A list of all pod templates of the object."""
    found = dict[str, list[str]]()
    for each in kinds:
        made = " + ".join(_templates(path) for path in each.templates)
        found.setdefault(made, []).append(each.kind)
    return "".join(f"{kind} in {literal(names)} ? {made} : " for made, names in found.items()) + "[]"


def _templates(path: Path) -> str:
    start, keys = "dyn(object)", list[str]()
    for index, step in enumerate(path.steps):
        if isinstance(step, Key):
            keys.append(step.name)
            continue
        rest = [each.name for each in path.steps[index + 1 :] if isinstance(each, Key)]
        if step.prefix is None:
            return f"{_value(keys, start, '[]')}.map(j, {_value(rest, 'j', '{}')})"
        container = _value(keys, start, "{}")
        return f"{container}.map(k, {_value(rest, f'{container}[k]', '{}')})"
    return f"[{_value(keys, start, '{}')}]"
