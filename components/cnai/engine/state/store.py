"""One stack on disk: a checkpoint, the journal of the update in progress, tags and history.

`checkpoint.json` carries a serial, and `journal-<serial>.jsonl` continues the checkpoint of that serial alone: a crash
between writing a checkpoint and removing the journal it came from cannot apply the journal twice. `update.lock` is
held (flock) by the process that serves the update in progress, and freed by the kernel when that process ends, however
it ends.
"""

import fcntl
import json
import os
import re
import shutil
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any, BinaryIO

from cnai.engine.state.journal import Replay, features, manifest
from cnai.errors import UserError
from cnai.files import damaged, read_json, sync_folder, write_atomically

Json = dict[str, Any]
_EMPTY: Json = {"manifest": manifest("")}
_NAME = re.compile(r"[A-Za-z0-9_.-]{1,100}")


@dataclass(frozen=True)
class StackName:
    """`ORG/PROJECT/STACK`; also the folder below the store's root."""

    org: str
    project: str
    stack: str

    def __post_init__(self) -> None:
        for part in (self.org, self.project, self.stack):
            if not _NAME.fullmatch(part) or part.startswith("."):
                raise UserError(f"{part!r} cannot be part of a stack's name: use letters, digits, '-', '_' and '.'")

    def folder(self, root: Path) -> Path:
        return root / self.org / self.project / self.stack


class StackFolder:
    """Reads and writes one stack; whoever writes holds its update lock."""

    def __init__(self, path: Path) -> None:
        self.path = path

    @property
    def exists(self) -> bool:
        return (self.path / "stack.json").is_file()

    def create(self, tags: Json) -> None:
        self.path.mkdir(parents=True, exist_ok=True, mode=0o700)
        self.write_facts({"tags": tags, "version": 0})

    def remove(self) -> None:
        # The file that makes it a stack goes first: a crash on the way leaves no half stack.
        (self.path / "stack.json").unlink()
        shutil.rmtree(self.path)

    def facts(self) -> Json:
        """`tags`, and the `version` that counts its updates."""
        return read_json(self.path / "stack.json") or {"tags": {}, "version": 0}

    def write_facts(self, facts: Json) -> None:
        write_atomically(self.path / "stack.json", json.dumps(facts))

    def lock(self) -> int | None:
        """A file descriptor that holds the stack's update lock until it is closed, or None while another has it."""
        descriptor = os.open(self.path / "update.lock", os.O_RDWR | os.O_CREAT, 0o600)
        try:
            fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            os.close(descriptor)
            return None
        return descriptor

    @property
    def locked(self) -> bool:
        descriptor = self.lock()
        if descriptor is None:
            return True
        os.close(descriptor)
        return False

    def checkpoint(self) -> Json:
        """The last checkpoint: `serial`, and the engine's `version`, `features` and `deployment`."""
        return read_json(self.path / "checkpoint.json") or {
            "serial": 0,
            "version": 3,
            "deployment": _EMPTY,
        }

    def write_checkpoint(self, deployment: Json, *, byte_string: bool = False) -> None:
        """Makes `deployment` the stack's state; the journal that led to it is of no more use."""
        needed = features(deployment, byte_string)
        self.write_untyped({"version": 4 if needed else 3, "features": needed, "deployment": deployment})

    def write_untyped(self, untyped: Json) -> None:
        """The same for an `apitype.UntypedDeployment`, kept as the engine gave it."""
        serial: int = self.checkpoint()["serial"]
        checkpoint = {**untyped, "serial": serial + 1, "deployment": untyped.get("deployment") or _EMPTY}
        write_atomically(self.path / "checkpoint.json", json.dumps(checkpoint, separators=(",", ":")))
        self.journal_path(serial).unlink(missing_ok=True)

    def journal_path(self, serial: int) -> Path:
        return self.path / f"journal-{serial}.jsonl"

    def open_journal(self, serial: int) -> BinaryIO:
        file = self.journal_path(serial).open("ab", buffering=0)
        sync_folder(self.path)
        return file

    def replayed(self) -> tuple[Replay, bool]:
        """The state with the journal on top of it, and whether there was a journal."""
        checkpoint = self.checkpoint()
        replay = Replay(base=checkpoint["deployment"] or {})
        replay.byte_string = "byteString" in (checkpoint.get("features") or [])
        batches = list(read_batches(self.journal_path(checkpoint["serial"])))
        for entry in (entry for batch in batches for entry in batch):
            replay.add(entry)
        return replay, bool(batches)

    def history(self) -> list[Json]:
        """Finished updates, the newest first."""
        path = self.path / "history.jsonl"
        if not path.exists():
            return []
        lines = path.read_text("utf-8").splitlines()
        return [json.loads(line) for line in reversed(lines) if line.endswith("}")]

    def remember(self, update: Json) -> None:
        with (self.path / "history.jsonl").open("a", encoding="utf-8") as file:
            file.write(json.dumps(update) + "\n")


def append_batch(journal: BinaryIO, entries: list[Json]) -> None:
    """Adds one batch as one line; after a return it outlives a power cut, after an `OSError` nothing was added."""
    end = journal.seek(0, os.SEEK_END)
    view = memoryview(json.dumps(entries, separators=(",", ":")).encode() + b"\n")
    try:
        while view:
            view = view[journal.write(view) or 0 :]
        os.fsync(journal.fileno())
    except OSError:
        journal.truncate(end)
        raise


def read_batches(path: Path) -> Iterator[list[Json]]:
    """The batches of a journal. A torn last line was never acknowledged to the engine, and is left out; `UserError` for
    any other damage."""
    if not path.exists():
        return
    for line in path.read_bytes().split(b"\n")[:-1]:
        try:
            yield json.loads(line)
        except ValueError as error:
            raise damaged(path, error) from error
