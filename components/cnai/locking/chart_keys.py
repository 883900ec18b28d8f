"""Which values a chart knows: its defaults, its schema, what its templates read, and the same of its subcharts."""

import json
import re
from collections.abc import Iterable, Iterator, Mapping
from pathlib import PurePosixPath
from typing import Any, cast

from cnai.catalog.keys import Known, Leaf
from cnai.charts.archive import Chart

Object = dict[str, Any]
INNER_DEFAULTS = "_internal_defaults_do_not_set"
"""Where Istio's charts keep their defaults, to lay a profile between them and what is given."""
OPEN = frozenset(
    {
        *("nodeSelector", "labels", "annotations", "requests", "limits", "matchLabels", "resources"),
        *("securityContext", "containerSecurityContext", "podSecurityContext"),
    }
)
"""Kubernetes' own maps: any key goes, whatever the chart's default has in them."""

SINGLE = {"string", "boolean", "integer", "number", "null"}
"""A schema's types of what is no mapping and no list."""

_PATH = r"\$?\.Values((?:\.[A-Za-z_][\w-]*)+)"
_READ = re.compile(_PATH)
_WHOLE = re.compile(
    r"(?:toYaml|toJson|toPrettyJson|toRawJson|toToml|deepCopy|omit|pick|(?:must)?[mM]erge\w*|range)\b[^{}|]*?"
    + _PATH
    + r"(?![\w.-])"
)
_PIPED = re.compile(_PATH + r"\s*\|\s*(?:default\s+\S+\s*\|\s*)?(?:toYaml|toJson|toPrettyJson|toRawJson|deepCopy)\b")
_WITH = re.compile(r"\{\{-?\s*with\s+" + _PATH + r"\s*-?\}\}(.*?)\{\{-?\s*end\b", re.DOTALL)
_ITSELF = re.compile(r"toYaml\s+\.(?![\w])|\{\{-?\s*\.\s*\|\s*toYaml|range\s+(?:\$\w+,\s*\$\w+\s*:=\s*)?\.(?![\w])")
_ASSIGNED = re.compile(r"\$(\w+)\s*:=\s*" + _PATH + r"\s*-?\}\}")
_TEMPLATED = re.compile(r"\btpl\b")
_COMMENT = re.compile(r"\{\{-?\s*/\*.*?\*/\s*-?\}\}", re.DOTALL)


def chart_keys(chart: Chart) -> Known:
    """Subcharts' under their names, as the values of the whole know them."""
    defaults = chart.values
    if inner := defaults.get(INNER_DEFAULTS):
        defaults = cast("Object", inner)
    found = _of_defaults(defaults)
    schema = _schema(chart)
    _add(found, _of_schema(schema, schema))
    for name, subchart in chart.subcharts().items():
        below = chart_keys(subchart)
        if found.get(name) == "any":
            del found[name]
        _add(found, {"global": _global(below), name: {**below, "global": "any"}})
    for entry in chart.dependencies:
        for condition in filter(None, str(entry.get("condition") or "").split(",")):
            _mention(found, condition.strip().split("."))
    templates = list(_templates(chart))
    _read_by_templates(found, templates)
    if "global" in found and not schema and any(map(_TEMPLATED.search, templates)):
        # A text among the values may be a template of its own, and read what nobody else does.
        found["global"] = "any"
    return {name: what for name, what in found.items() if not name.startswith("_") and what != {}}


def _global(known: Known) -> Known:
    inner = known.get("global")
    return inner if isinstance(inner, dict) else {}


def _of_defaults(defaults: Mapping[str, Any]) -> Known:
    return {str(name): _of_default(str(name), value) for name, value in defaults.items()}


def _of_default(name: str, value: Any) -> "Known | Leaf":
    """What is empty or null is free for all below it."""
    if value is None or value == {} or (name in OPEN and isinstance(value, dict)):
        return "any"
    if isinstance(value, dict):
        inner = cast("Object", value)
        # A name that cannot be written in a line of a lock.
        return "any" if any(re.search(r"\s|[*\]]$", str(each)) for each in inner) else _of_defaults(inner)
    return "list" if isinstance(value, list) else "value"


def _schema(chart: Chart) -> Object:
    return json.loads(chart.files.get("values.schema.json", b"{}"))


def _of_schema(schema: Object, root: Object, deep: int = 12) -> Known:
    """What it names; a mapping whose keys it does not name is free below."""
    schema = _resolved(schema, root)
    parts = [_resolved(each, root) for word in ("allOf", "anyOf", "oneOf") for each in schema.get(word) or []]
    found: Known = {}
    for part in (schema, *parts):
        for name, inner in (part.get("properties") or {}).items():
            _add(found, {name: _leaf_of(inner, root, deep)})
    found.pop(INNER_DEFAULTS, None)
    return found


def _leaf_of(schema: Any, root: Object, deep: int) -> "Known | Leaf":
    if not isinstance(schema, dict) or not deep:
        return "any"
    found = _resolved(cast("Object", schema), root)
    if inner := _of_schema(found, root, deep - 1):
        return inner
    types = {found.get("type")} if isinstance(found.get("type"), str) else {*(found.get("type") or [])}
    return "list" if types == {"array"} else "value" if types and types <= SINGLE else "any"


def _resolved(schema: Object, root: Object) -> Object:
    reference = schema.get("$ref")
    if not isinstance(reference, str) or not reference.startswith("#/"):
        return schema
    here: Any = root
    for part in reference[2:].split("/"):
        here = here.get(part.replace("~1", "/"), {}) if isinstance(here, dict) else {}
    return {**here, **{key: value for key, value in schema.items() if key != "$ref"}}


def _templates(chart: Chart) -> Iterator[str]:
    for name, content in sorted(chart.files.items()):
        path = PurePosixPath(name)
        if path.parts[0] == "templates" and "tests" not in path.parts:
            yield _COMMENT.sub("", content.decode(errors="replace"))


def _read_by_templates(found: Known, templates: Iterable[str]) -> None:
    """Keys that a template reads are known even where the defaults show them only in a comment; what it takes whole,
    to print it or to lay it over something, is free below."""
    for text in templates:
        for path in (*_READ.findall(text), *_read_by_variables(text)):
            _mention(found, path[1:].split("."))
        whole = [path for pattern in (_WHOLE, _PIPED) for path in pattern.findall(text)]
        whole += [path for path, body in _WITH.findall(text) if _ITSELF.search(body)]
        for path in whole:
            _open(found, path[1:].split("."))


def _read_by_variables(text: str) -> Iterator[str]:
    """Below a variable that stands for a part of the values."""
    for variable, path in _ASSIGNED.findall(text):
        for below in re.findall(rf"\${variable}((?:\.[A-Za-z_][\w-]*)+)", text):
            yield path + below


def _mention(found: Known, path: list[str]) -> None:
    """A key that somebody reads; what the defaults do not show is free, and so is what they show as a single value."""
    name, *below = path
    here = found.get(name)
    if below and isinstance(here, dict):
        _mention(here, below)
    elif here is None or (below and here == "value"):
        found[name] = "any"


def _open(found: Known, path: list[str]) -> None:
    name, *below = path
    here = found.get(name)
    if below and isinstance(here, dict):
        _open(here, below)
    elif isinstance(here, dict):
        found[name] = "any"


def _add(found: Known, more: Mapping[str, "Known | Leaf"]) -> None:
    """The union; what one side leaves open is open."""
    for name, what in more.items():
        have = found.get(name)
        if isinstance(have, dict) and isinstance(what, dict):
            _add(have, what)
        elif have is None or what == "any" or (isinstance(what, dict) and have != "any"):
            found[name] = what
