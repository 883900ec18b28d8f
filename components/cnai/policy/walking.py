"""Follows a path of the rule language into plain values."""

from collections.abc import Iterator, Mapping
from typing import Any, NamedTuple

from cnai.policy.language import Each, Key, Path
from cnai.policy.values import Unknown

WORDS = {str: "text", bool: "a truth value", int: "a number", float: "a number", list: "a list", dict: "a map"}


class WrongType(Exception):
    """A map where a list belongs, or the like."""

    def __init__(self, path: str, found: Any, wanted: str) -> None:
        super().__init__(f"{path} is {WORDS.get(type(found), 'something else')} where {wanted} belongs")


class Found(NamedTuple):
    """A value, and the name (or key, or index) of the element that the last wildcard went through."""

    value: Any
    name: str


def walk(path: Path, start: Any) -> Iterator[Found]:
    """Every value at the path: None for what is not there, `Unknown` once for what is not known."""
    return _walk(path, start, 0, "")


def _walk(path: Path, value: Any, at: int, name: str) -> Iterator[Found]:
    for index in range(at, len(path.steps)):
        if value is None:
            if all(isinstance(step, Key) for step in path.steps[index:]):
                break
            return
        if isinstance(value, Unknown):
            break
        step = path.steps[index]
        if isinstance(step, Each):
            for key, each in _elements(path, value, step):
                yield from _walk(path, each, index + 1, key)
            return
        if type(value) is not dict:
            value = _inside(path, value, index)
        value = value.get(step.name)
    yield Found(value, name)


def _elements(path: Path, value: Any, step: Each) -> Iterator[tuple[str, Any]]:
    if step.prefix is not None:
        if not isinstance(value, Mapping):
            raise WrongType(path.text, value, "a map")
        for key, each in value.items():
            if str(key).startswith(step.prefix):
                yield str(key), each
        return
    if not isinstance(value, list):
        raise WrongType(path.text, value, "a list")
    for index, each in enumerate(value):
        yield _name(each, index), each


def _inside(path: Path, value: Any, index: int) -> Mapping[str, Any]:
    if not isinstance(value, Mapping):
        keys = [step.name if isinstance(step, Key) else "*" for step in path.steps[:index]]
        raise WrongType(".".join(keys) or "it", value, "a map")
    return value


def _name(element: Any, index: int) -> str:
    """Kubernetes names the elements of most lists."""
    name = element.get("name") if isinstance(element, Mapping) else None
    return name if isinstance(name, str) and name else f"#{index}"
