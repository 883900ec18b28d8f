"""Updates in progress: who may write a stack, what they have written so far, and how they end."""

import os
import secrets
import threading
import time
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, BinaryIO

from cnai.engine.state.adopt import Adoption
from cnai.engine.state.journal import JournalError, Replay
from cnai.engine.state.store import StackFolder, append_batch

Json = dict[str, Any]


class ConflictError(Exception):
    """Another update holds the stack."""


class UnknownUpdateError(Exception):
    """No such update, or it has ended."""


@dataclass
class Update:
    """One run of the engine over one stack, from its creation to its completion."""

    stack: StackFolder
    kind: str
    program: Json
    id: str = field(default_factory=lambda: secrets.token_hex(16))
    token: str = field(default_factory=lambda: secrets.token_urlsafe(24))
    started: int = field(default_factory=lambda: int(time.time()))
    changes: dict[str, int] = field(default_factory=dict[str, int])
    engine_version: str = ""
    lock: int | None = None
    journal: BinaryIO | None = None
    replay: Replay = field(default_factory=Replay)
    sequence: set[int] = field(default_factory=set[int])

    @property
    def writes(self) -> bool:
        """Previews, also of a refresh or a destroy, change nothing and lock nothing."""
        return self.kind != "preview" and not (self.program.get("options") or {}).get("dryRun")


class Updates:
    """The updates that this process serves; safe to call from several threads."""

    def __init__(self, adoption: Adoption | None = None) -> None:
        self._adoption = adoption or Adoption()
        self._updates: dict[str, Update] = {}
        self._guard = threading.RLock()

    def create(self, stack: StackFolder, kind: str, program: Json) -> Update:
        with self._guard:
            update = Update(stack, kind, program)
            self._updates[update.id] = update
            return update

    def find(self, update_id: str) -> Update:
        """Raises `UnknownUpdateError`."""
        try:
            return self._updates[update_id]
        except KeyError as error:
            raise UnknownUpdateError(f"update {update_id} is unknown, or has ended") from error

    def is_running(self, update_id: str) -> bool:
        return update_id in self._updates

    def on(self, path: Path) -> Update | None:
        """The update that writes the stack in `path`, if this process serves it."""
        with self._guard:
            return next((u for u in self._updates.values() if u.lock is not None and u.stack.path == path), None)

    def start(self, update: Update, tags: Json | None, engine_version: str) -> int:
        """Locks the stack and settles what a crash left behind; gives the version that the update will make.

        Raises `ConflictError` where another update holds the stack.
        """
        with self._guard:
            facts = update.stack.facts()
            if not update.writes:
                return facts["version"]
            update.engine_version = engine_version
            if update.lock is None:
                update.lock = _locked(update.stack)
            self.settle(update.stack, engine_version)
            checkpoint = update.stack.checkpoint()
            update.replay = Replay(base=checkpoint["deployment"] or {})
            update.journal = update.stack.open_journal(checkpoint["serial"])
            if tags is not None:
                update.stack.write_facts({**facts, "tags": tags})
            return facts["version"] + 1

    def append(self, update: Update, entries: list[Json]) -> None:
        """Journals a batch; entries that a retry brings again are left out. Raises `JournalError`."""
        with self._guard:
            if update.journal is None:
                raise JournalError("this update was not started, or changes nothing: it has no journal")
            fresh = [entry for entry in entries if entry["sequenceID"] not in update.sequence]
            try:
                for entry in fresh:
                    update.replay.add(entry)
                append_batch(update.journal, fresh)
            except (JournalError, OSError):
                # Memory must not be ahead of the disk: the engine sends a batch again that we did not take.
                update.replay = update.stack.replayed()[0]
                raise
            update.sequence |= {entry["sequenceID"] for entry in fresh}

    def replace(self, update: Update, untyped: Json) -> None:
        """Takes a whole checkpoint, from an engine that was told not to keep a journal."""
        with self._guard:
            if update.lock is None:
                raise JournalError("this update was not started, or changes nothing: it has no state to write")
            update.stack.write_untyped(untyped)
            update.replay = Replay(base=untyped["deployment"])
            if update.journal:
                update.journal.close()
            update.journal = update.stack.open_journal(update.stack.checkpoint()["serial"])

    def complete(self, update: Update, status: str) -> None:
        """Compacts the journal, remembers the update and lets the stack go."""
        with self._guard:
            self._updates.pop(update.id, None)
            if update.lock is None:
                return
            try:
                if update.sequence:
                    self._adoption.settle(update.replay)
                    deployment = update.replay.deployment(update.engine_version)
                    update.stack.write_checkpoint(deployment, byte_string=update.replay.byte_string)
                self._remember(update, status)
            finally:
                _release(update)

    def _remember(self, update: Update, status: str) -> None:
        facts = update.stack.facts()
        version = facts["version"] + 1
        update.stack.write_facts({**facts, "version": version})
        metadata = update.program.get("metadata") or {}
        done = {"kind": update.kind, "version": version, "startTime": update.started, "endTime": int(time.time())}
        done |= {"message": metadata.get("message", ""), "environment": metadata.get("environment") or {}}
        done |= {"config": update.program.get("config") or {}, "resourceChanges": update.changes}
        update.stack.remember({**done, "result": "succeeded" if status == "succeeded" else "failed"})

    def abandon(self) -> None:
        """Ends every update whose engine is gone, as a failed one."""
        with self._guard:
            for update in list(self._updates.values()):
                self.complete(update, "failed")

    def settle(self, stack: StackFolder, engine_version: str = "") -> None:
        """Compacts the journal of an update that never completed; the caller holds the stack's lock."""
        replay, journaled = stack.replayed()
        if journaled:
            self._adoption.settle(replay)
            stack.write_checkpoint(replay.deployment(engine_version), byte_string=replay.byte_string)


def _locked(stack: StackFolder) -> int:
    descriptor = stack.lock()
    if descriptor is None:
        raise ConflictError(f"another update of the stack {stack.path.name} is in progress: wait until it has ended")
    return descriptor


def _release(update: Update) -> None:
    if update.journal:
        update.journal.close()
        update.journal = None
    if update.lock is not None:
        os.close(update.lock)
        update.lock = None
