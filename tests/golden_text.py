"""YAML for reviewers: what fits in a line is one."""

import hashlib
import json
from typing import Any

import yaml

WIDTH = 120
LONG = 4000
"""Longer texts are told by a digest: dashboards, which are files of their own."""


class Json(dict[str, Any]):
    """What a string of JSON says."""


class _Dumper(yaml.SafeDumper):
    def ignore_aliases(self, data: Any) -> bool:
        return True


class _Loader(yaml.SafeLoader):
    pass


def _mapping(dumper: yaml.SafeDumper, value: dict[str, Any]) -> yaml.Node:
    return dumper.represent_mapping("tag:yaml.org,2002:map", value.items())


_Dumper.add_representer(dict, _mapping)
_Dumper.add_representer(Json, lambda dumper, value: dumper.represent_mapping("!json", value.items()))
_Loader.add_constructor("!json", lambda loader, node: Json(loader.construct_mapping(node, deep=True)))


def read(text: str) -> dict[str, Any]:
    return yaml.load(text, Loader=_Loader)


def readable(value: Any) -> Any:
    """Fields in order of their names, strings of JSON as what they say."""
    if isinstance(value, dict):
        return {key: readable(each) for key, each in sorted(value.items())}
    if isinstance(value, list):
        return [readable(each) for each in value]
    return _string(value) if isinstance(value, str) else value


def _string(text: str) -> Any:
    if len(text) > LONG:
        return f"{len(text)} characters, sha256 {hashlib.sha256(text.encode()).hexdigest()}"
    try:
        value = json.loads(text) if text.startswith("{") else text
    except ValueError:
        return text
    return Json(value) if isinstance(value, dict) and json.dumps(value) == text else text


def block_text(block: dict[str, Any]) -> str:
    node = _Dumper("").represent_data(block)
    _fit(node, 0)
    _open(node, 2)
    return yaml.serialize(node, Dumper=_Dumper, width=WIDTH, allow_unicode=True)


def _open(node: yaml.Node, levels: int) -> None:
    """A block's and its resources' heads have lines of their own."""
    if levels and isinstance(node, yaml.MappingNode) and node.value:
        node.flow_style = False
        for _, value in node.value:
            _open(value, levels - 1)


def _fit(node: yaml.Node, indent: int) -> int:
    """Decides for each part; gives the characters that it takes in a line."""
    if isinstance(node, yaml.MappingNode):
        length = sum(len(key.value) + 4 + _fit(value, indent + 2) for key, value in node.value)
    elif isinstance(node, yaml.SequenceNode):
        length = sum(2 + _fit(value, indent + 2) for value in node.value)
    else:
        return len(str(node.value)) + 2
    node.flow_style = indent + length <= WIDTH
    return length
