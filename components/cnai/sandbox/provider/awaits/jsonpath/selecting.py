"""Which nodes of a document a JSONPath query selects."""

import re
from collections.abc import Callable, Iterator
from typing import Any, cast

from cnai.sandbox.provider.awaits.jsonpath.syntax import (
    And,
    Call,
    Comparison,
    Filter,
    Holds,
    Index,
    Logical,
    Name,
    Not,
    Operand,
    Or,
    Query,
    Segment,
    Selector,
    Slice,
    Value,
)


class _Nothing:
    """What a path gives that selects nothing."""


NOTHING = _Nothing()


def select(query: Query, root: Any, current: Any = None) -> list[Any]:
    """In document order."""
    nodes = [root if query.absolute else current]
    for segment in query.segments:
        nodes = [selected for node in nodes for selected in _of_segment(segment, node, root)]
    return nodes


def _of_segment(segment: Segment, node: Any, root: Any) -> Iterator[Any]:
    for start in _with_descendants(node) if segment.descendant else (node,):
        for selector in segment.selectors:
            yield from _of_selector(selector, start, root)


def _with_descendants(node: Any) -> Iterator[Any]:
    yield node
    for child in _children(node):
        yield from _with_descendants(child)


def _children(node: Any) -> list[Any]:
    if isinstance(node, dict):
        return list(cast("dict[str, Any]", node).values())
    return cast("list[Any]", node) if isinstance(node, list) else []


def _of_selector(selector: Selector, node: Any, root: Any) -> list[Any]:
    items = cast("list[Any]", node) if isinstance(node, list) else []
    match selector:
        case Name(name):
            fields = cast("dict[str, Any]", node) if isinstance(node, dict) else {}
            return [fields[name]] if name in fields else []
        case Index(index):
            return [items[index]] if -len(items) <= index < len(items) else []
        case Slice(start, stop, step):
            return [] if step == 0 else items[start:stop:step]
        case Filter(test):
            return [child for child in _children(node) if _holds(test, child, root)]
        case _:
            return _children(node)


def _holds(test: Logical, node: Any, root: Any) -> bool:
    match test:
        case And(parts):
            return all(_holds(part, node, root) for part in parts)
        case Or(parts):
            return any(_holds(part, node, root) for part in parts)
        case Not(inner):
            return not _holds(inner, node, root)
        case Comparison(left, operator, right):
            return _compare(_value(left, node, root), operator, _value(right, node, root))
        case Holds(of):
            return bool(select(of, root, node)) if isinstance(of, Query) else _call(of, node, root) is True


def _value(operand: Operand, node: Any, root: Any) -> Any:
    """The one value of an operand, `NOTHING` where there is none."""
    match operand:
        case Value(value):
            return value
        case Call():
            return _call(operand, node, root)
        case Query():
            found = select(operand, root, node)
            return found[0] if found else NOTHING


def _compare(left: Any, operator: str, right: Any) -> bool:
    match operator:
        case "==":
            return _equal(left, right)
        case "!=":
            return not _equal(left, right)
        case "<":
            return _less(left, right)
        case ">":
            return _less(right, left)
        case "<=":
            return _less(left, right) or _is_there(left, right)
        case _:
            return _less(right, left) or _is_there(left, right)


def _is_there(left: Any, right: Any) -> bool:
    """Equal, and something: the RFC has nothing `<=` nothing, the official provider has not."""
    return left is not NOTHING and _equal(left, right)


def _is_number(value: Any) -> bool:
    return isinstance(value, int | float) and not isinstance(value, bool)


def _less(left: Any, right: Any) -> bool:
    texts = isinstance(left, str) and isinstance(right, str)
    return (texts or (_is_number(left) and _is_number(right))) and left < right


def _equal(left: Any, right: Any) -> bool:
    """As JSON has it: `true` is not 1."""
    if isinstance(left, list) and isinstance(right, list):
        ours, theirs = cast("list[Any]", left), cast("list[Any]", right)
        return len(ours) == len(theirs) and all(_equal(*pair) for pair in zip(ours, theirs, strict=True))
    if isinstance(left, dict) and isinstance(right, dict):
        mine, other = cast("dict[str, Any]", left), cast("dict[str, Any]", right)
        return mine.keys() == other.keys() and all(_equal(mine[key], other[key]) for key in mine)
    return isinstance(left, bool) == isinstance(right, bool) and left == right


def _call(call: Call, node: Any, root: Any) -> Any:
    first = call.arguments[0]
    match call.function:
        case "count":
            return len(select(cast("Query", first), root, node))
        case "value":
            found = select(cast("Query", first), root, node)
            return found[0] if len(found) == 1 else NOTHING
        case "length":
            value = _value(first, node, root)
            return len(cast("str", value)) if isinstance(value, str | list | dict) else NOTHING
        case name:
            pattern = _value(call.arguments[1], node, root)
            return _matches(re.fullmatch if name == "match" else re.search, pattern, _value(first, node, root))


def _matches(how: Callable[[str, str], Any], pattern: Any, text: Any) -> bool:
    """A pattern that is none matches nothing. A dot stands for all but line ends (RFC 9485)."""
    if not isinstance(pattern, str) or not isinstance(text, str):
        return False
    dots = re.sub(r"(\\.)|(\[(?:\\.|[^\]\\])*\])|(\.)", lambda part: r"[^\n\r]" if part[3] else part[0], pattern)
    try:
        return how(dots, text) is not None
    except re.error:
        return False
