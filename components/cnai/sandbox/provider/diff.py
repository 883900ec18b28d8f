"""What a change of inputs means for an object: nothing, an update in place, or a replacement."""

import functools
import tomllib
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from importlib import resources
from typing import Any, Literal, cast

from cnai.sandbox.provider.naming import is_autonamed, is_named
from cnai.sandbox.provider.values import Unknown, plain

Path = tuple[str | int, ...]
Change = Literal["add", "delete", "update"]
IDENTITY: tuple[str, ...] = ("metadata.name", "metadata.namespace", "kind")
NAMESPACE = ("metadata", "namespace")
MISSING = object()


@dataclass(frozen=True)
class Diff:
    """What the engine is told; `detailed` maps property paths to a change, with whether it replaces."""

    changes: bool
    replaces: tuple[str, ...] = ()
    delete_before_replace: bool = False
    detailed: dict[str, tuple[Change, bool]] = field(default_factory=dict[str, tuple[Change, bool]])


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
        if not _is_ignored(path, ignored) and not (path == NAMESPACE and _namespace(old) == _namespace(new))
    }
    if not found:
        return Diff(changes=False)
    immutable = IDENTITY if patch else (*IDENTITY, *immutable_fields(old, mutability))
    detailed: dict[str, tuple[Change, bool]] = {
        shown(path): (change, _replaces(path, old, new, immutable)) for path, change in found.items()
    }
    replaces = tuple(path for path, (_, replaced) in detailed.items() if replaced)
    return Diff(True, replaces, bool(replaces) and _keeps_its_name(old, new), detailed)


def changes(old: Any, new: Any, path: Path = ()) -> Iterator[tuple[Path, Change]]:
    """The leaves that differ; a list whose length changed differs item by item, too."""
    if isinstance(old, dict) and isinstance(new, dict):
        before, after = cast("dict[str, Any]", old), cast("dict[str, Any]", new)
        for key in before.keys() | after.keys():
            yield from changes(before.get(key, MISSING), after.get(key, MISSING), (*path, key))
    elif isinstance(old, list) and isinstance(new, list):
        before_items, after_items = cast("list[Any]", old), cast("list[Any]", new)
        for index in range(max(len(before_items), len(after_items))):
            yield from changes(_item(before_items, index), _item(after_items, index), (*path, index))
    elif old is MISSING or new is MISSING:
        if not (_empty(old) and _empty(new)):
            yield path, "add" if old is MISSING else "delete"
    elif isinstance(new, Unknown) or isinstance(old, Unknown) or old != new:
        yield path, "update"


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
    return any(pattern == entry or pattern.startswith((f"{entry}.", f"{entry}[")) for entry in immutable)


def _keeps_its_name(old: Mapping[str, Any], new: dict[str, Any]) -> bool:
    """A name that the program chose cannot be taken twice, so the old object has to go first."""
    before, after = old.get("metadata") or {}, new.get("metadata") or {}
    same_place = before.get("name") == after.get("name") and _namespace(old) == _namespace(new)
    return is_named(new) and not is_autonamed(new) and same_place


def _namespace(inputs: Mapping[str, Any]) -> Any:
    return (inputs.get("metadata") or {}).get("namespace") or "default"


def _is_ignored(path: Path, ignored: tuple[str, ...]) -> bool:
    text = shown(path)
    return any(text == entry or text.startswith((f"{entry}.", f"{entry}[")) for entry in ignored)


def shown(path: Path) -> str:
    """A property path as the engine writes it: `spec.containers[0].image`, `metadata.labels["a.b/c"]`."""
    text = ""
    for step in path:
        if isinstance(step, int):
            text += f"[{step}]"
        elif any(mark in step for mark in '."[]'):
            text += '["' + step.replace('"', '\\"') + '"]'
        else:
            text += f".{step}" if text else step
    return text


def _item(items: list[Any], index: int) -> Any:
    return items[index] if index < len(items) else MISSING


def _empty(value: Any) -> bool:
    """Nothing, or what server-side apply treats as nothing: an absent map and an empty one are the same."""
    return value is MISSING or value == {} or value is None
