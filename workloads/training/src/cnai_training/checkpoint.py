"""Sharded checkpoints, written while training goes on, kept to a number, and checked before they are trusted."""

import hashlib
import json
import warnings
from collections.abc import Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import contextmanager
from typing import Any

import torch
import torch.distributed as dist
import torch.distributed.checkpoint as dcp
from torch import nn
from torch.distributed.checkpoint.fsspec_filesystem import FsspecReader, FsspecWriter
from torch.distributed.checkpoint.state_dict import (
    StateDictOptions,
    get_model_state_dict,
    get_optimizer_state_dict,
    set_model_state_dict,
    set_optimizer_state_dict,
)

from cnai_training import storage
from cnai_training.distributed import World
from cnai_training.errors import TrainingError

Facts = dict[str, Any]
# One process is a layout like any other here.
warnings.filterwarnings("ignore", message="torch.distributed is disabled, unavailable or uninitialized")
# Frozen parameters come from the base model's folder: a checkpoint of adapters is as small as they are.
OPTIONS = StateDictOptions(flatten_optimizer_state_dict=True, ignore_frozen_params=True, strict=False)


class Digests:
    """The writer's file system, which also keeps a digest of what is written."""

    def __init__(self, files: Any) -> None:
        self._files = files
        self.of: dict[str, tuple[int, str]] = {}

    def __getattr__(self, name: str) -> Any:
        return getattr(self._files, name)

    @contextmanager
    def create_stream(self, path: str, mode: str) -> Iterator[Any]:
        with self._files.create_stream(path, mode) as stream:
            hashing = Hashing(stream)
            yield hashing
        self.of[base_name(path)] = hashing.size, hashing.sha256.hexdigest()

    def rename(self, path: str, new_path: str) -> None:
        self._files.rename(path, new_path)
        self.of[base_name(new_path)] = self.of.pop(base_name(path))


class Hashing:
    """A stream that is only appended to."""

    def __init__(self, stream: Any) -> None:
        self._stream = stream
        self.sha256 = hashlib.sha256()
        self.size = 0

    def __getattr__(self, name: str) -> Any:
        return getattr(self._stream, name)

    def write(self, content: Any) -> int:
        view = memoryview(content).cast("B")
        self.sha256.update(view)
        self.size += view.nbytes
        self._stream.write(content)
        return view.nbytes


def base_name(path: Any) -> str:
    return str(path).rsplit("/", 1)[-1]


class Checkpoints:
    """`step-00000100/` folders under one URL. Each rank's note comes last; a folder without all notes is none."""

    def __init__(self, url: str, world: World, keep: int, asynchronous: bool) -> None:
        self.url, self.world, self.keep, self.asynchronous = url, world, keep, asynchronous
        self._thread = ThreadPoolExecutor(max_workers=1, thread_name_prefix="checkpoint")
        self._pending: tuple[int, Future[None]] | None = None
        # Collectives of the writing thread must not mix with those of training.
        self._group = dist.new_group(backend="gloo") if world.size > 1 else None

    def folder(self, step: int) -> str:
        return storage.join(self.url, f"step-{step:08d}")

    def save(self, step: int, model: nn.Module, optimizer: torch.optim.Optimizer, facts: Facts) -> None:
        """Returns when the state is copied; `wait` or the next `save` sees the writing through."""
        self.wait()
        if self.world.told(storage.exists(self.folder(step)) if self.world.first else None):
            if self.world.first:
                storage.remove(self.folder(step))
            self.world.barrier()
        writer = FsspecWriter(self.folder(step), sync_files=storage.is_local(self.url))
        writer.fs = digests = Digests(writer.fs)
        written = dcp.async_save(
            state_of(model, optimizer), storage_writer=writer, process_group=self._group, no_dist=self._group is None
        )

        def seen_through() -> None:
            written.result()
            note = {"step": step, "ranks": self.world.size, "facts": facts, "files": digests.of}
            storage.write_json(storage.join(self.folder(step), note_name(self.world.rank, self.world.size)), note)

        self._pending = step, self._thread.submit(seen_through)
        if not self.asynchronous:
            self.wait()

    def wait(self) -> None:
        """Until the last save is on storage; then older ones go."""
        if self._pending is None:
            return
        step, pending = self._pending
        self._pending = None
        problem = pending.exception()
        if self.world.any(problem is not None):
            detail = f": {type(problem).__name__}: {problem}" if problem else " on another rank"
            raise TrainingError(f"checkpoint {self.folder(step)} could not be written{detail}; check the storage")
        if self.world.first:
            self.prune()

    def prune(self) -> None:
        steps = self.steps()
        complete = [step for step in steps if self.notes(step)]
        kept = set(complete[-self.keep :])
        for step in steps:
            if step not in kept and step < max(kept, default=0):
                storage.remove(self.folder(step))

    def steps(self) -> list[int]:
        names = storage.names(self.url)
        return sorted(int(name[5:]) for name in names if name.startswith("step-") and name[5:].isdigit())

    def notes(self, step: int) -> list[dict[str, Any]]:
        """Every rank's note, or none where one is missing or unreadable."""
        present = [name for name in storage.names(self.folder(step)) if name.startswith("rank-")]
        try:
            notes = [json.loads(storage.read_bytes(storage.join(self.folder(step), name))) for name in present]
            return notes if notes and len(notes) == notes[0]["ranks"] else []
        except (ValueError, KeyError, OSError):
            return []

    def latest(self, facts: Facts) -> int | None:
        """The newest step that is whole and unharmed, the same on all ranks; says which ones it passed over."""
        for step in reversed(self.world.told(self.steps() if self.world.first else None)):
            notes = self.world.told(self.notes(step) if self.world.first else None)
            if not notes:
                self.skip(step, "it was not written to its end")
            elif self.world.any(not self.unharmed(step, notes)):
                self.skip(step, "a file differs from its digest")
            else:
                same_shape(self.folder(step), notes[0]["facts"], facts)
                return step
        return None

    def skip(self, step: int, why: str) -> None:
        if self.world.first:
            print(f"checkpoint {self.folder(step)} is passed over: {why}", flush=True)

    def unharmed(self, step: int, notes: list[dict[str, Any]]) -> bool:
        """Whether this rank's share of the files is what was written."""
        files = sorted((name, *facts) for note in notes for name, facts in note["files"].items())
        return all(
            intact(storage.join(self.folder(step), name), size, sha256)
            for name, size, sha256 in files[self.world.rank :: self.world.size]
        )

    def load(self, step: int, model: nn.Module, optimizer: torch.optim.Optimizer | None) -> None:
        """Into whatever layout the model has now: shards are cut again if the number of workers has changed."""
        state = state_of(model, optimizer)
        reader = FsspecReader(self.folder(step))
        dcp.load(state, storage_reader=reader, process_group=self._group, no_dist=self._group is None)
        set_model_state_dict(model, state["model"], options=OPTIONS)
        if optimizer is not None:
            set_optimizer_state_dict(model, optimizer, state["optimizer"], options=OPTIONS)

    def close(self) -> None:
        self.wait()
        self._thread.shutdown()


def state_of(model: nn.Module, optimizer: torch.optim.Optimizer | None) -> dict[str, Any]:
    state = {"model": get_model_state_dict(model, options=OPTIONS)}
    if optimizer is not None:
        state["optimizer"] = get_optimizer_state_dict(model, optimizer, options=OPTIONS)
    return state


def note_name(rank: int, size: int) -> str:
    return f"rank-{rank}-of-{size}.json"


def intact(url: str, size: int, sha256: str) -> bool:
    try:
        return storage.size(url) == size and storage.sha256(url) == sha256
    except OSError:
        return False


def same_shape(folder: str, theirs: Facts, ours: Facts) -> None:
    for name, value in ours.items():
        if theirs.get(name) != value:
            raise TrainingError(
                f"checkpoint {folder} was made with {name}={theirs.get(name)!r}, this configuration has {value!r}; "
                "change it back, or write to another run folder"
            )
