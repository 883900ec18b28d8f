"""Replays the engine's journal over a base deployment, by the rules of the engine's own replayer.

The rules are those of `backend.JournalReplayer` in `github.com/pulumi/pulumi/pkg/v3`: an entry refers to a resource of
the base by its index (`removeOld`, `deleteOld`, ...) and to one made in this update by its operation (`removeNew`,
...).
"""

import hashlib
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime
from enum import IntEnum
from typing import Any

from cnai.engine.state import urns

Json = dict[str, Any]


class Kind(IntEnum):
    """`apitype.JournalEntryKind`."""

    BEGIN = 0
    SUCCESS = 1
    FAILURE = 2
    REFRESH_SUCCESS = 3
    OUTPUTS = 4
    WRITE = 5
    SECRETS_MANAGER = 6
    REBUILT_BASE_STATE = 7
    EXTENSION_PARAMETERIZE = 8
    SNIPPETS = 9


class JournalError(Exception):
    """An entry that cannot belong to this journal."""


# Deployments with one of these fields need schema version 4, so that an engine which would lose the field refuses them.
_FEATURES = {
    "refreshBeforeUpdate": "refreshBeforeUpdate",
    "viewOf": "views",
    "resourceHooks": "hooks",
    "taint": "taint",
    "replaceWith": "replaceWith",
    "extensionRef": "extensionParameterization",
    "snippetID": "snippets-prototype",
}


@dataclass
class Replay:
    """A base deployment (`DeploymentV3` as JSON) and what the entries so far do to it; each costs the same."""

    base: Json = field(default_factory=dict[str, Any])
    made: list[Json] = field(default_factory=list[Json])
    removed: set[int] = field(default_factory=set[int])
    """Places in `made` that are gone again."""
    base_removed: set[int] = field(default_factory=set[int])
    base_replaced: dict[int, Json] = field(default_factory=dict[int, Json])
    base_marked: dict[int, Json] = field(default_factory=dict[int, Json])
    """Fields to set on resources of the base: `delete`, `pendingReplacement`."""
    place: dict[int, int] = field(default_factory=dict[int, int])
    """Operation to its resource's place in `made`."""
    begun: dict[int, Json] = field(default_factory=dict[int, Json])
    extensions: Json = field(default_factory=dict[str, Any])
    refreshed: bool = False
    byte_string: bool = False

    def add(self, entry: Json) -> None:
        """Takes one `apitype.JournalEntry` in. Raises `JournalError` for a kind or an operation that is not known."""
        try:
            kind = Kind(entry["kind"])
        except (KeyError, ValueError) as error:
            raise JournalError(f"journal entry of unknown kind {entry.get('kind')!r}") from error
        self._check_operations(entry)
        self.byte_string |= bool(entry.get("requiresByteString"))
        _RULES[kind](self, entry)

    def _check_operations(self, entry: Json) -> None:
        for key in ("removeNew", "deleteNew", "pendingReplacementNew"):
            operation = entry.get(key)
            if operation is not None and operation not in self.place:
                raise JournalError(
                    f"journal entry {entry.get('sequenceID')}: {key} names operation {operation}, unseen"
                )

    def begin(self, entry: Json) -> None:
        self.begun[entry["operationID"]] = entry

    def failure(self, entry: Json) -> None:
        self.begun.pop(entry["operationID"], None)

    def success(self, entry: Json) -> None:
        self.begun.pop(entry["operationID"], None)
        if state := entry.get("state"):
            self.place[entry["operationID"]] = len(self.made)
            self.made.append(state)
        if (index := entry.get("removeOld")) is not None:
            self.base_removed.add(index)
        if (operation := entry.get("removeNew")) is not None:
            self.removed.add(self.place[operation])
        self._mark(entry, "deleteOld", "deleteNew", "delete")
        self._mark(entry, "pendingReplacementOld", "pendingReplacementNew", "pendingReplacement")
        self.refreshed |= bool(entry.get("isRefresh"))

    def _mark(self, entry: Json, old: str, new: str, mark: str) -> None:
        if (index := entry.get(old)) is not None:
            self.base_marked.setdefault(index, {})[mark] = True
        if (operation := entry.get(new)) is not None:
            place = self.place[operation]
            self.made[place] = {**self.made[place], mark: True}

    def refresh_success(self, entry: Json) -> None:
        self.begun.pop(entry["operationID"], None)
        self.refreshed = True
        if entry.get("state"):
            self.outputs(entry)
            return
        if (index := entry.get("removeOld")) is not None:
            self.base_removed.add(index)
        if (operation := entry.get("removeNew")) is not None:
            self.removed.add(self.place[operation])

    def outputs(self, entry: Json) -> None:
        state = entry.get("state")
        if not state:
            return
        if (index := entry.get("removeOld")) is not None:
            self.base_replaced[index] = state
        if (operation := entry.get("removeNew")) is not None:
            self.made[self.place[operation]] = state

    def write(self, entry: Json) -> None:
        self.base = entry.get("newSnapshot") or {}

    def secrets_manager(self, entry: Json) -> None:
        self.base = {**self.base, "secrets_providers": entry.get("secretsProvider")}

    def snippets(self, entry: Json) -> None:
        self.base = {**self.base, "snippets": entry.get("snippets") or []}

    def rebuilt_base_state(self, entry: Json) -> None:
        del entry
        fresh = Replay(base=self.deployment(), refreshed=self.refreshed, byte_string=self.byte_string)
        self.__dict__.update(fresh.__dict__)

    def extension_parameterize(self, entry: Json) -> None:
        self.extensions[entry["extensionRef"]] = entry["extension"]

    def resources(self) -> list[Json]:
        """What this update made, then what it has not touched yet of the base: a topological order if both were."""
        resources = [state for place, state in enumerate(self.made) if place not in self.removed]
        for index, old in enumerate(self.base.get("resources") or []):
            if index in self.base_removed:
                continue
            marks = self.base_marked.get(index, {})
            if index in self.base_replaced:
                # The engine's replayer writes a refreshed state as it is, without the marks on its predecessor.
                resources.append(self.base_replaced[index])
            else:
                resources.append({**old, **marks})
        return urns.without_dangling(resources) if self.refreshed else resources

    def pending_operations(self) -> list[Json]:
        """Operations begun and not ended, and creations of the base whose outcome nobody has looked at."""
        begun = [entry["operation"] for entry in self.begun.values() if entry.get("operation")]
        return begun + [op for op in self.base.get("pending_operations") or [] if op.get("type") == "creating"]

    def deployment(self, engine_version: str = "") -> Json:
        """The `DeploymentV3` that stands if nothing more comes."""
        deployment: Json = {"manifest": manifest(engine_version)}
        kept = {key: self.base.get(key) for key in ("secrets_providers", "metadata", "snippets")}
        kept |= {"resources": self.resources(), "pending_operations": self.pending_operations()}
        kept["extensions"] = {**self.extensions, **(self.base.get("extensions") or {})}
        deployment.update({key: value for key, value in kept.items() if value})
        return urns.normalized(deployment)


_RULES: dict[Kind, Callable[[Replay, Json], None]] = {kind: getattr(Replay, kind.name.lower()) for kind in Kind}


def manifest(engine_version: str) -> Json:
    """`apitype.ManifestV1`; the engine refuses a state whose magic is not its version's hash."""
    magic = hashlib.sha256(engine_version.encode()).hexdigest() if engine_version else ""
    return {"time": datetime.now(UTC).isoformat(), "magic": magic, "version": engine_version}


def features(deployment: Mapping[str, Any], byte_string: bool = False) -> list[str]:
    """What an engine must know of to read this deployment; none of them means schema version 3 will do."""
    states = list(deployment.get("resources") or [])
    states += [operation["resource"] for operation in deployment.get("pending_operations") or []]
    found = {feature for state in states for key, feature in _FEATURES.items() if state.get(key)}
    if deployment.get("snippets"):
        found.add("snippets-prototype")
    if byte_string and states:
        found.add("byteString")
    return sorted(found)
