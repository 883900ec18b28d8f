"""Streams of YAML and JSON documents, read fast, each with the line that it begins in."""

import json
import re
from collections.abc import Iterator
from typing import Any, cast

import yaml

Document = tuple[int, Any]
"""Line, from 1, and value."""

_STR, _MAP, _SEQ = (f"tag:yaml.org,2002:{name}" for name in ("str", "map", "seq"))
DEEPEST = 500
_SEPARATOR = re.compile(r"^---(?=\s|$)", re.MULTILINE)
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
    except (yaml.YAMLError, ValueError, RecursionError) as error:
        yield from _one_by_one(text) if _SEPARATOR.search(text) else [Unreadable(_said(error))]
    else:
        yield from (document for document in found if document[1] is not None)


def _json(text: str) -> list[Document] | None:
    """None where it is something else: YAML is more than JSON, and a stream of several objects is neither."""
    if not text.lstrip().startswith(("{", "[")):
        return None
    try:
        return [(1, json.loads(text))]
    except ValueError:
        return None


def _stream(text: str) -> Iterator[Document]:
    if _may_be_deep(text):
        _refuse_deep(text)
    loader, shared = _Loader(text), "&" in text
    try:
        while loader.check_node():
            node = loader.get_node()
            yield node.start_mark.line + 1, _constructed(loader, node, shared)
    finally:
        loader.dispose()


def _may_be_deep(text: str) -> bool:
    return text.count("[") > DEEPEST or text.count("{") > DEEPEST or "- " * DEEPEST in text


def _refuse_deep(text: str) -> None:
    """libyaml's composer calls itself for each level, past any limit of Python's, until the process dies."""
    depth = 0
    for event in yaml.parse(text, _Loader):
        depth += isinstance(event, yaml.CollectionStartEvent) - isinstance(event, yaml.CollectionEndEvent)
        if depth > DEEPEST:
            raise RecursionError


def _constructed(loader: Any, node: Any, shared: bool) -> Any:
    try:
        return loader.construct_document(node) if shared else _value(loader, node)
    except _Uncommon:
        return loader.construct_document(node)


def _value(loader: Any, node: Any) -> Any:
    if node.tag == _STR:
        return node.value
    if node.tag == _MAP and isinstance(node, yaml.MappingNode):
        found: dict[str, Any] = {}
        for key, value in node.value:
            if key.tag != _STR:
                raise _Uncommon
            found[key.value] = _value(loader, value)
        return found
    if node.tag == _SEQ and isinstance(node, yaml.SequenceNode):
        return [_value(loader, each) for each in node.value]
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
            for first, value in _stream(part):
                if value is not None:
                    yield first + line, value
        except (yaml.YAMLError, ValueError, RecursionError) as error:
            yield Unreadable(_said(error, line))


def _said(error: Exception, above: int = 0) -> str:
    mark: Any = getattr(error, "problem_mark", None)
    place = f"line {mark.line + 1 + above}: " if mark else ""
    if isinstance(error, RecursionError):
        return "it is nested too deeply to be read"
    words = getattr(error, "problem", None) or " ".join(str(error).split())
    return f"{place}not valid YAML: {cast('str', words)}"
