"""How predicates read an object: absent, unknown and ill-built values are told apart, and none crashes a rule."""

from collections.abc import Callable, Iterable, Iterator, Mapping
from functools import lru_cache, wraps
from typing import Any, cast

from cnai.policy import language, parsing
from cnai.policy.model import Context, Finding, Predicate, Resource, violation
from cnai.policy.values import Unknown
from cnai.policy.walking import Found, WrongType, walk

_path = lru_cache(maxsize=1024)(parsing.path)


def found(value: Any, path: str) -> Iterator[Found]:
    """Every value at a path of the rule language, with the name of the element it lies in; absent ones left out."""
    where: language.Path = _path(path)
    return (each for each in walk(where, value) if each.value is not None)


def at(value: Any, path: str) -> Any:
    """The value at a path without wildcards: None where it is not there. Raises `WrongType`."""
    return next((each.value for each in found(value, path)), None)


def text(value: Any, path: str) -> "str | Unknown | None":
    """Raises `WrongType` for what is no text."""
    return cast("str | Unknown | None", _of_type(at(value, path), path, str, "text"))


def number(value: Any, path: str) -> "int | float | Unknown | None":
    """Raises `WrongType` for what is no number."""
    read = _of_type(at(value, path), path, int | float, "a number")
    if isinstance(read, bool):
        raise WrongType(path, read, "a number")
    return cast("int | float | Unknown | None", read)


def mapping(value: Any, path: str) -> "Mapping[str, Any] | Unknown":
    """Empty where it is not there. Raises `WrongType` for what is no map."""
    read = _of_type(at(value, path), path, Mapping, "a map")
    return {} if read is None else cast("Mapping[str, Any] | Unknown", read)


def listed(value: Any, path: str) -> "list[Any] | Unknown":
    """Empty where it is not there. Raises `WrongType` for what is no list."""
    read = _of_type(at(value, path), path, list, "a list")
    return [] if read is None else cast("list[Any] | Unknown", read)


def _of_type(read: Any, path: str, kind: Any, words: str) -> Any:
    if read is None or isinstance(read, Unknown | kind):
        return read
    raise WrongType(path, read, words)


def holds_unknown(value: Any) -> bool:
    if isinstance(value, Mapping):
        return any(map(holds_unknown, cast("Mapping[str, Any]", value).values()))
    if isinstance(value, list):
        return any(map(holds_unknown, cast("list[Any]", value)))
    return isinstance(value, Unknown)


def selected(selector: Any, labels: Any) -> bool | None:
    """Whether a label selector selects labels; None where that is not known. An empty selector selects everything.

    Raises `WrongType`.
    """
    if holds_unknown(selector) or holds_unknown(labels):
        return None
    have = mapping(labels, ".")
    wanted = mapping(selector, "matchLabels")
    if isinstance(have, Unknown) or isinstance(wanted, Unknown):
        return None
    expressions = listed(selector, "matchExpressions")
    return all(have.get(key) == value for key, value in wanted.items()) and all(
        _expressed(each, have) for each in ([] if isinstance(expressions, Unknown) else expressions)
    )


def _expressed(expression: Any, labels: Mapping[str, Any]) -> bool:
    key, operator = text(expression, "key"), text(expression, "operator")
    values, value = listed(expression, "values"), labels.get(str(key))
    among = not isinstance(values, Unknown) and value in values
    return {
        "In": among,
        "NotIn": not among,
        "Exists": value is not None,
        "DoesNotExist": value is None,
    }.get(str(operator), False)


def careful(predicate: Predicate) -> Predicate:
    """A predicate for which an object that is not built like its kind is a violation, as it is for data rules."""

    @wraps(predicate)
    def judged(resource: Resource, context: Context) -> Iterator[Finding]:
        try:
            yield from predicate(resource, context)
        except WrongType as wrong:
            yield violation(f"{resource.kind}: {wrong}")

    return judged


def each(judge: Callable[[Resource], Iterable[Finding]], resources: Iterable[Resource]) -> Iterator[Finding]:
    """A judge over many resources, for set predicates: one that is ill-built spoils only its own verdict."""
    for resource in resources:
        try:
            yield from judge(resource)
        except WrongType as wrong:
            yield violation(f"{resource.kind}: {wrong}", resource=resource)


def readable(resources: Iterable[Resource], *paths: str) -> list[Resource]:
    """Resources at whose paths a map or list stands where one belongs: for looking things up in others."""
    return [resource for resource in resources if _readable(resource, paths)]


def _readable(resource: Resource, paths: Iterable[str]) -> bool:
    try:
        for path in paths:
            list(found(resource.body, path))
    except WrongType:
        return False
    return True
