"""Trains in children that are killed at the places of a plan, and then once more to the end: `killed.py PLAN.json`."""

import json
import os
import signal
import sys
import traceback
from collections.abc import Callable
from pathlib import Path
from typing import Any

import torch
from fsspec.core import url_to_fs

from cnai_training import checkpoint, config, job, storage, train

Place = dict[str, Any]
"""`{"step": 3}` after that update, `{"operation": 7}` in the middle of that change to storage, `{}` nowhere."""


def die() -> None:
    os.kill(os.getpid(), signal.SIGKILL)


class Operations:
    """Every change that checkpoints make to storage, in their order; the process dies within the one that is fatal."""

    def __init__(self, fatal: int) -> None:
        self.names: list[str] = []
        self._fatal = fatal
        self._write, self._rename = checkpoint.Hashing.write, checkpoint.Digests.rename
        self._note, self._remove = storage.write_json, storage.remove

    def counted(self, name: str, half: Callable[[], Any]) -> None:
        self.names.append(name)
        if len(self.names) - 1 == self._fatal:
            half()
            die()

    def watch(self) -> None:
        checkpoint.Hashing.write = lambda stream, content: self.write(stream, content)
        checkpoint.Digests.rename = lambda files, path, new: self.rename(files, path, new)
        storage.write_json = lambda url, value: self.note(url, value)
        storage.remove = lambda url: self.remove(url)

    def write(self, stream: Any, content: Any) -> int:
        def half() -> None:
            view = memoryview(content).cast("B")
            self._write(stream, view[: view.nbytes // 2])
            stream.flush()

        self.counted("write", half)
        return self._write(stream, content)

    def rename(self, files: Any, path: str, new: str) -> None:
        self.counted("rename", lambda: None)
        self._rename(files, path, new)

    def note(self, url: str, value: Any) -> None:
        if "/rank-" in url:
            self.counted("note", lambda: None)
        self._note(url, value)

    def remove(self, url: str) -> None:
        def half() -> None:
            fs, path = url_to_fs(url)
            fs.rm(sorted(fs.find(path))[0])

        self.counted("remove", half)
        self._remove(url)


def dies_after(step: int) -> None:
    report = train.Trainer.report

    def last(self: train.Trainer, at: int, *rest: Any) -> None:
        report(self, at, *rest)
        if at == step:
            die()

    train.Trainer.report = last


def trained(settings: dict[str, Any], place: Place, operations: str) -> None:
    watched = Operations(place.get("operation", -1))
    watched.watch()
    dies_after(place.get("step", 0))
    train.run(job.job("train", config.build(config.Config, settings, "")))
    if operations:
        Path(operations).write_text(json.dumps(watched.names))


def in_a_child(settings: dict[str, Any], place: Place, operations: str = "") -> int:
    """Its exit code, negative for a signal. A fork, so that PyTorch is imported once for all of them."""
    if pid := os.fork():
        return os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1])
    try:
        torch.set_num_threads(1)
        trained(settings, place, operations)
    except BaseException:  # noqa: BLE001  a child must never return into its parent's code
        traceback.print_exc()
        os._exit(1)
    sys.stdout.flush()
    os._exit(0)


if __name__ == "__main__":
    for case in json.loads(Path(sys.argv[1]).read_text()):
        if case["place"]:
            code = in_a_child(case["settings"], case["place"])
            assert code == -signal.SIGKILL, (case["place"], code)
        assert in_a_child(case["settings"], {}, case.get("operations", "")) == 0, case["place"]
