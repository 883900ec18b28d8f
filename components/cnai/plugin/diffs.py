"""What a change of inputs means, in the engine's terms."""

from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any, Literal, cast

from pulumi.runtime.proto import provider_pb2

from cnai.plugin.values import Computed

Path = tuple[str | int, ...]
Change = Literal["add", "delete", "update"]
MISSING = object()


@dataclass(frozen=True)
class Diff:
    """What the engine is told; `detailed` maps property paths to a change, with whether it replaces."""

    changes: bool
    replaces: tuple[str, ...] = ()
    delete_before_replace: bool = False
    detailed: dict[str, tuple[Change, bool]] = field(default_factory=dict[str, tuple[Change, bool]])


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
    elif isinstance(new, Computed) or isinstance(old, Computed) or old != new:
        yield path, "update"


def covers(entries: tuple[str, ...], path: str) -> bool:
    """Whether a path is one of these, or below one."""
    return any(path == entry or path.startswith((f"{entry}.", f"{entry}[")) for entry in entries)


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


def as_response(found: Diff) -> provider_pb2.DiffResponse:
    kinds = provider_pb2.PropertyDiff
    names = {
        ("add", False): kinds.ADD,
        ("add", True): kinds.ADD_REPLACE,
        ("delete", False): kinds.DELETE,
        ("delete", True): kinds.DELETE_REPLACE,
        ("update", False): kinds.UPDATE,
        ("update", True): kinds.UPDATE_REPLACE,
    }
    response = provider_pb2.DiffResponse
    return response(
        changes=response.DIFF_SOME if found.changes else response.DIFF_NONE,
        replaces=found.replaces,
        deleteBeforeReplace=found.delete_before_replace,
        detailedDiff={path: kinds(kind=names[change], inputDiff=True) for path, change in found.detailed.items()},
        hasDetailedDiff=True,
    )


def _item(items: list[Any], index: int) -> Any:
    return items[index] if index < len(items) else MISSING


def _empty(value: Any) -> bool:
    """Nothing, or what server-side apply treats as nothing: an absent map and an empty one are the same."""
    return value is MISSING or value == {} or value is None
