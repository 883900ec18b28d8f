"""Streams of YAML and JSON documents, read fast, each with the line that it begins in."""

import json
import re
from collections import Counter
from collections.abc import Iterator
from contextlib import suppress
from typing import Any, cast

import yaml

from cnai.policy.reading.nodes import DEEPEST, Expanding, Measure, doubled_keys

Document = tuple[int, Any]
"""Line, from 1, and value."""

_STR, _MAP, _SEQ = (f"tag:yaml.org,2002:{name}" for name in ("str", "map", "seq"))
_BROKEN = (yaml.YAMLError, ValueError, RecursionError, LookupError, AttributeError, TypeError)
"""The last ones are PyYAML's, about values that do not fit the tag that is written before them."""
_SEPARATOR = re.compile(r"^---(?=\s|$)", re.MULTILINE)
_NESTED = re.compile(rf"(?:[-?:][ \t]+){{{DEEPEST}}}")
_NO_CONTENT = re.compile(r"\s*(?:[#%].*)?")


class Unreadable(Exception):
    """One document is no YAML; the message says where and why."""


class _Uncommon(Exception):
    """Merge keys, keys that are no text: left to PyYAML's own constructor."""


_BASE: Any = getattr(yaml, "CSafeLoader", yaml.SafeLoader)


class _Loader(_BASE):
    """YAML as Kubernetes reads it: dates stay text, and so does a lone `=`, which CRDs list as an operator.

    PyYAML asks regular expressions about every plain scalar; manifests say the same few words again and again.
    """

    yaml_implicit_resolvers = {
        first: [(tag, pattern) for tag, pattern in entries if not tag.endswith((":timestamp", ":value"))]
        for first, entries in _BASE.yaml_implicit_resolvers.items()
    }

    def resolve(self, kind: Any, value: Any, implicit: Any) -> str:
        if kind is yaml.ScalarNode:
            if not implicit[0]:
                return _STR if implicit[1] else super().resolve(kind, value, implicit)
            tag = _TAGS.get(value)
            if tag is None:
                tag = super().resolve(kind, value, implicit)
                if len(_TAGS) < 100_000:
                    _TAGS[value] = tag
            return tag
        return _MAP if kind is yaml.MappingNode else _SEQ


_TAGS: dict[str, str] = {}


def documents(text: str) -> Iterator[Document | Unreadable]:
    """Empty documents are left out. One that is broken does not hide the others."""
    text = text.removeprefix("\ufeff")
    try:
        found = _json(text) or list(_stream(text))
    except _BROKEN as error:
        yield from _one_by_one(text) if _SEPARATOR.search(text) else [Unreadable(_said(error))]
    else:
        yield from (each for each in found if isinstance(each, Unreadable) or each[1] is not None)


def _json(text: str) -> list[Document | Unreadable] | None:
    """None where it is something else: YAML is more than JSON, and a stream of several objects is neither."""
    if not text.lstrip().startswith(("{", "[")):
        return None
    doubled = list[str]()

    def mapping(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
        found = dict(pairs)
        if len(found) != len(pairs):
            doubled.extend(key for key, times in Counter(key for key, _ in pairs).items() if times > 1)
        return found

    try:
        value = json.loads(text, object_pairs_hook=mapping)
    except ValueError:
        return None
    _refuse_deep_value(value)
    return [(1, value), *(_twice("", key) for key in sorted(doubled))]


def _refuse_deep_value(value: Any) -> None:
    level, depth = [value], 0
    while level:
        depth += 1
        if depth > DEEPEST:
            raise RecursionError
        inside = (each.values() if isinstance(each, dict) else each for each in level if isinstance(each, dict | list))
        level = [each for values in inside for each in values if isinstance(each, dict | list)]


def _twice(place: str, key: str) -> Unreadable:
    return Unreadable(f"{place}the key {key} is duplicated in one mapping, and only the last one was checked")


def _stream(text: str, above: int = 0) -> Iterator[Document | Unreadable]:
    """Lines count from `above`."""
    if _may_be_deep(text):
        _refuse_deep(text)
    loader, shared = _Loader(text), "&" in text
    try:
        while loader.check_node():
            node, doubled = loader.get_node(), list[tuple[int, str]]()
            yield node.start_mark.line + 1 + above, _constructed(loader, node, shared, doubled)
            yield from (_twice(f"line {line + above}: ", key) for line, key in doubled)
    finally:
        loader.dispose()


def _may_be_deep(text: str) -> bool:
    return text.count("[") > DEEPEST or text.count("{") > DEEPEST or _NESTED.search(text) is not None


def _refuse_deep(text: str) -> None:
    """libyaml's composer calls itself for each level, past any limit of Python's, until the process dies."""
    depth = 0
    for event in yaml.parse(text, _Loader):
        depth += isinstance(event, yaml.CollectionStartEvent) - isinstance(event, yaml.CollectionEndEvent)
        if depth > DEEPEST:
            raise RecursionError


def _constructed(loader: Any, node: Any, shared: bool, doubled: list[tuple[int, str]]) -> Any:
    if not shared:
        with suppress(_Uncommon):
            return _value(loader, node, doubled)
    doubled[:] = Measure.of(node).doubled
    return loader.construct_document(node)


def _value(loader: Any, node: Any, doubled: list[tuple[int, str]]) -> Any:
    if node.tag == _STR:
        return node.value
    if node.tag == _MAP and isinstance(node, yaml.MappingNode):
        found: dict[str, Any] = {}
        for key, value in node.value:
            if key.tag != _STR:
                raise _Uncommon
            found[key.value] = _value(loader, value, doubled)
        if len(found) != len(node.value):
            doubled += doubled_keys(node)
        return found
    if node.tag == _SEQ and isinstance(node, yaml.SequenceNode):
        return [_value(loader, each, doubled) for each in node.value]
    if not isinstance(node, yaml.ScalarNode):
        raise _Uncommon
    return loader.construct_object(node)


def _one_by_one(text: str) -> Iterator[Document | Unreadable]:
    starts = [0, *(found.end() for found in _SEPARATOR.finditer(text))]
    ends = [*(found.start() for found in _SEPARATOR.finditer(text)), len(text)]
    for start, end in zip(starts, ends, strict=True):
        part, line = text[start:end], text.count("\n", 0, start)
        if all(_NO_CONTENT.fullmatch(each) for each in part.splitlines()):
            continue
        try:
            found = list(_stream(part, line))
            yield from (each for each in found if isinstance(each, Unreadable) or each[1] is not None)
        except _BROKEN as error:
            yield Unreadable(_said(error, line))


def _said(error: Exception, above: int = 0) -> str:
    mark: Any = getattr(error, "problem_mark", None)
    place = f"line {mark.line + 1 + above}: " if mark else ""
    if isinstance(error, RecursionError):
        return "it is nested too deeply to be read"
    if isinstance(error, Expanding):
        return str(error)
    if "digits" in str(error):
        return "it has a number with too many digits"
    if not isinstance(error, yaml.YAMLError):
        # Their own words may quote the value.
        return "not valid YAML: a value does not match its tag"
    words = getattr(error, "problem", None) or " ".join(str(error).split())
    return f"{place}not valid YAML: {cast('str', words)}"
