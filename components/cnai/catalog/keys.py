"""Which keys of values a chart knows, in few lines, and which given ones it would ignore.

`keys` maps the path of a mapping (dots between names, a dot inside one as `\\.`, `.` for the root) to the names in it
that lead to no further mapping: `name` holds one value, `name[]` a list, and below `name*` anything goes.
"""

import difflib
import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any, Literal, TypeAlias, cast

Leaf = Literal["value", "list", "any"]
Known: TypeAlias = "dict[str, Known | Leaf]"

ROOT = "."
_MARKS: Mapping[Leaf, str] = {"value": "", "list": "[]", "any": "*"}
_DOT = re.compile(r"(?<!\\)\.")
_AS_NEAR = 0.6
"""How alike two names must be for one to be meant by the other, as `difflib` measures it."""


@dataclass(frozen=True)
class Ignored:
    """A key that the chart would not read, or that has another form there."""

    path: tuple[str, ...]
    text: str
    """What is wrong with it, with the nearest right key."""

    def __str__(self) -> str:
        return f"{spelled(self.path)}: {self.text}"


def spelled(path: tuple[str, ...]) -> str:
    """As `helm --set` takes it."""
    return ".".join(name.replace(".", r"\.") for name in path)


def written(known: Known) -> dict[str, str]:
    """Line by line as a lock holds it: mappings in the order of their paths, names sorted."""
    return {spelled(path) or ROOT: " ".join(names) for path, names in sorted(_lines(known, ()))}


def _lines(known: Known, path: tuple[str, ...]) -> Iterator[tuple[tuple[str, ...], list[str]]]:
    leaves = [f"{name}{_MARKS[what]}" for name, what in sorted(known.items()) if isinstance(what, str)]
    if leaves:
        yield path, leaves
    for name, inner in known.items():
        if isinstance(inner, dict):
            yield from _lines(inner, (*path, name))


def known(keys: Mapping[str, str]) -> Known:
    found: Known = {}
    for path, names in keys.items():
        here = found
        for part in _DOT.split(path) if path != ROOT else []:
            here = cast("Known", here.setdefault(part.replace(r"\.", "."), {}))
        here.update(_leaf(name) for name in names.split())
    return found


def _leaf(name: str) -> tuple[str, Leaf]:
    for what in ("list", "any"):
        if name.endswith(_MARKS[what]):
            return name.removesuffix(_MARKS[what]), what
    return name, "value"


def ignored(values: Mapping[str, Any], known: Known) -> list[Ignored]:
    """What the chart would not read of the values, in their order."""
    return list(_ignored(values, known, known, ()))


def _ignored(given: Any, here: "Known | Leaf", root: Known, path: tuple[str, ...]) -> Iterator[Ignored]:
    if given in (None, {}, []) or here == "any":
        return
    if isinstance(given, Mapping):
        if isinstance(here, str):
            yield Ignored(path, f"a mapping, where the chart has a {here}")
            return
        for name, value in cast("Mapping[str, Any]", given).items():
            if name in here:
                yield from _ignored(value, here[name], root, (*path, name))
            else:
                yield Ignored((*path, name), f"the chart has no such value: {_nearest(name, here, root, path)}")
    elif isinstance(here, dict):
        yield Ignored(path, f"{_short(given)}, where the chart has a mapping of {_few(sorted(here))}")
    elif isinstance(given, list) != (here == "list"):
        yield Ignored(path, f"{_short(given)}, where the chart has a {here}")


def _nearest(name: str, here: Known, root: Known, path: tuple[str, ...]) -> str:
    """The key that was probably meant: one beside it, else one of that name elsewhere, else what there is."""
    if close := difflib.get_close_matches(name, here, n=1, cutoff=_AS_NEAR):
        return f"did you mean {spelled((*path, close[0]))}?"
    if same := [each for each in _paths(root, ()) if each[-1] == name]:
        return f"did you mean {spelled(min(same, key=lambda each: (len(each), each)))}?"
    where = spelled(path) or "the chart"
    return f"{where} has {_few(sorted(here))}"


def _paths(known: Known, path: tuple[str, ...]) -> Iterator[tuple[str, ...]]:
    for name, inner in known.items():
        yield (*path, name)
        if isinstance(inner, dict):
            yield from _paths(inner, (*path, name))


def _few(names: list[str], most: int = 12) -> str:
    more = f" and {len(names) - most} more" if len(names) > most else ""
    return ", ".join(names[:most]) + more if names else "none"


def _short(value: Any) -> str:
    text = repr(value)
    return text if len(text) <= 40 else f"a {type(value).__name__}"
