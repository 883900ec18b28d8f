"""Locks as YAML that a person reads in a diff: one fact a line, in an order that does not change."""

from collections.abc import Mapping
from dataclasses import MISSING, fields
from typing import Any

import yaml

from cnai.catalog.lock import Crd, Lock, Port, Service, Workload

HEADER = "# Made by `cnai catalog lock` from the real charts with our values, on a small cluster. Not edited by hand.\n"
WIDTH = 140
ONE_LINE = (Crd, Port)


class _InLine(dict[str, Any]):
    """A mapping on one line."""


class _Dumper(yaml.SafeDumper):
    def increase_indent(self, flow: bool = False, indentless: bool = False) -> None:
        super().increase_indent(flow, False)

    def ignore_aliases(self, data: Any) -> bool:
        return True


def _in_line(dumper: yaml.SafeDumper, data: _InLine) -> yaml.MappingNode:
    return dumper.represent_mapping("tag:yaml.org,2002:map", data, flow_style=True)


_Dumper.add_representer(_InLine, _in_line)


def text(locks: Mapping[str, Lock]) -> str:
    plain = {name: _plain(lock) for name, lock in locks.items()}
    return HEADER + yaml.dump(plain, Dumper=_Dumper, sort_keys=False, width=WIDTH, allow_unicode=True)


def _plain(value: Any) -> Any:
    if isinstance(value, Lock | Workload | Service):
        return _said(value)
    if isinstance(value, ONE_LINE):
        return _InLine(_said(value))
    if isinstance(value, tuple):
        return [_plain(each) for each in value]
    if isinstance(value, Mapping):
        return {key: _plain(each) for key, each in value.items()}
    return value


def _said(value: Any) -> dict[str, Any]:
    """Fields that differ from their defaults, in the order in which they are declared."""
    found: dict[str, Any] = {}
    for each in fields(value):
        given = getattr(value, each.name)
        factory = each.default_factory
        default = each.default if factory is MISSING else factory()
        if default is MISSING or given != default:
            plain = _plain(given)
            found[each.name] = _InLine(plain) if each.name in ("requests", "storage") else plain
    if "tolerates" in found:
        found["tolerates"] = [_InLine(each) for each in found["tolerates"]]
    return found
