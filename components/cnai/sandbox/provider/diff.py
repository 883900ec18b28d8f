"""What a change of inputs means for an object: nothing, an update in place, or a replacement."""

import functools
import tomllib
from collections.abc import Mapping
from dataclasses import dataclass
from importlib import resources
from typing import Any, cast

from cnai.plugin.diffs import Change, Diff, Path, changes, covers, shown
from cnai.plugin.values import plain
from cnai.sandbox.provider.naming import is_autonamed, is_named

IDENTITY: tuple[str, ...] = ("metadata.name", "metadata.namespace", "kind")
NAMESPACE = ("metadata", "namespace")


@dataclass(frozen=True)
class Mutability:
    """Whether data changes in place: upstream replaces ConfigMaps and Secrets unless the provider says otherwise."""

    config_maps: bool = False
    secrets: bool = False


def diff(
    old: Mapping[str, Any],
    new: dict[str, Any],
    mutability: Mutability,
    patch: bool = False,
    ignored: tuple[str, ...] = (),
) -> Diff:
    """Compares inputs, secrets and all; `patch` resources change everything but their identity in place."""
    found: dict[Path, Change] = {
        path: change
        for path, change in changes(plain(old), plain(new))
        if not covers(ignored, shown(path)) and not (path == NAMESPACE and _namespace(old) == _namespace(new))
    }
    if not found:
        return Diff(changes=False)
    immutable = IDENTITY if patch else (*IDENTITY, *immutable_fields(old, mutability))
    detailed: dict[str, tuple[Change, bool]] = {
        shown(path): (change, _replaces(path, old, new, immutable)) for path, change in found.items()
    }
    replaces = tuple(path for path, (_, replaced) in detailed.items() if replaced)
    return Diff(True, replaces, bool(replaces) and _keeps_its_name(old, new), detailed)


def immutable_fields(old: Mapping[str, Any], mutability: Mutability) -> tuple[str, ...]:
    """The fields that only a new object can change, for the object that is there now."""
    kind, group = str(old.get("kind")), str(old.get("apiVersion", "")).rpartition("/")[0]
    fields = tuple(_table().get(group or "core", {}).get(kind, ()))
    frozen = plain(old.get("immutable")) is True
    if not group and kind == "ConfigMap" and (frozen or not mutability.config_maps):
        return (*fields, "data", "binaryData", "immutable")
    if not group and kind == "Secret" and (frozen or not mutability.secrets):
        return (*fields, "data", "stringData", "immutable")
    return fields


@functools.cache
def _table() -> dict[str, dict[str, list[str]]]:
    text = resources.files("cnai.sandbox.provider").joinpath("immutable.toml").read_text()
    return cast("dict[str, dict[str, list[str]]]", tomllib.loads(text))


def _replaces(path: Path, old: Mapping[str, Any], new: Mapping[str, Any], immutable: tuple[str, ...]) -> bool:
    if path == ("apiVersion",):
        # Another version of the same group is the same object; the API server converts it.
        groups = [str(side.get("apiVersion", "")).rpartition("/")[0] for side in (old, new)]
        return groups[0] != groups[1]
    if path == ("spec", "clusterIP") and not (old.get("spec") or {}).get("clusterIP"):
        return False
    pattern = ".".join("[*]" if isinstance(step, int) else step for step in path).replace(".[*]", "[*]")
    return covers(immutable, pattern)


def _keeps_its_name(old: Mapping[str, Any], new: dict[str, Any]) -> bool:
    """A name that the program chose cannot be taken twice, so the old object has to go first."""
    before, after = old.get("metadata") or {}, new.get("metadata") or {}
    same_place = before.get("name") == after.get("name") and _namespace(old) == _namespace(new)
    return is_named(new) and not is_autonamed(new) and same_place


def _namespace(inputs: Mapping[str, Any]) -> Any:
    return (inputs.get("metadata") or {}).get("namespace") or "default"
