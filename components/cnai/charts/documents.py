"""Streams of YAML documents as Helm renders them, taken apart without parsing more than is asked for."""

import re
from collections.abc import Iterator
from typing import Any, cast

import yaml


def _loader() -> Any:
    """YAML as Kubernetes reads it: dates stay text, and so does a lone `=`, which CRDs list as an operator."""
    base: Any = getattr(yaml, "CSafeLoader", yaml.SafeLoader)
    resolvers = {
        first: [(tag, pattern) for tag, pattern in entries if not tag.endswith((":timestamp", ":value"))]
        for first, entries in base.yaml_implicit_resolvers.items()
    }
    return type("KubernetesLoader", (base,), {"yaml_implicit_resolvers": resolvers})


LOADER = _loader()
_SEPARATOR = re.compile(r"^---(?:[ \t].*)?$", re.MULTILINE)
_TOP_LEVEL = re.compile(r"^(?=[^\s#])", re.MULTILINE)
HEAD = ("apiVersion", "kind", "metadata")


def split(text: str) -> list[str]:
    """The documents' own text; empty ones (and those of comments only) are dropped."""
    return [part for part in _SEPARATOR.split(text) if any(_says_something(line) for line in part.splitlines())]


def _says_something(line: str) -> bool:
    stripped = line.strip()
    return bool(stripped) and not stripped.startswith("#")


def load(text: str) -> list[dict[str, Any]]:
    """Every object in the stream, with the items of a List one by one."""
    return [obj for part in split(text) for obj in _flat(yaml.load(part, Loader=LOADER))]


def _flat(value: Any) -> Iterator[dict[str, Any]]:
    if not isinstance(value, dict):
        return
    obj = cast("dict[str, Any]", value)
    if str(obj.get("kind", "")).endswith("List") and isinstance(obj.get("items"), list):
        for item in obj["items"]:
            yield from _flat(item)
    elif obj.get("kind"):
        yield obj


def heads(text: str) -> list[dict[str, Any]]:
    """Only `apiVersion`, `kind` and `metadata` of each object: a CRD's schema takes long to parse."""
    return [head for part in split(text) if (head := _head(part)).get("kind")]


def _head(document: str) -> dict[str, Any]:
    blocks = _TOP_LEVEL.split(document)
    wanted = "".join(block for block in blocks if block.split(":", 1)[0].strip("\"' ") in HEAD)
    if not wanted:  # JSON, or a flow mapping
        wanted = document
    found = yaml.load(wanted, Loader=LOADER)
    return {key: found[key] for key in HEAD if key in found} if isinstance(found, dict) else {}
