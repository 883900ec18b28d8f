"""One command at a time per environment."""

import fcntl
import json
import os
import time
from contextlib import suppress
from pathlib import Path

from cnai.engine.errors import Busy
from cnai.paths import SandboxDir

_GRACE_S = 5.0
"""How long a killed command's children may take to notice."""
_POLL_S = 0.05


class EnvironmentLock:
    """A context that holds `.cnai/<env>/lock`. Raises `Busy` on entry where another command holds it.

    The kernel frees the lock when the last process with the descriptor ends: the command, and the engine that inherits
    it.
    """

    def __init__(self, directory: SandboxDir | Path, command: str) -> None:
        self._path = directory.lock if isinstance(directory, SandboxDir) else directory
        self._command = command
        self._descriptor: int | None = None

    @property
    def descriptor(self) -> int:
        """To be passed to the engine's process."""
        if self._descriptor is None:
            raise RuntimeError("the environment's lock is not held")
        return self._descriptor

    def __enter__(self) -> "EnvironmentLock":
        self._path.parent.mkdir(parents=True, exist_ok=True)
        descriptor = os.open(self._path, os.O_RDWR | os.O_CREAT, 0o600)
        try:
            self._acquire(descriptor)
        except BaseException:
            os.close(descriptor)
            raise
        self._descriptor = descriptor
        # On a full disk the lock holds all the same, and only its holder's name is missing.
        with suppress(OSError):
            os.ftruncate(descriptor, 0)
            os.pwrite(descriptor, json.dumps({"pid": os.getpid(), "command": self._command}).encode(), 0)
        return self

    def __exit__(self, *exception: object) -> None:
        if self._descriptor is not None:
            os.ftruncate(self._descriptor, 0)
            os.close(self._descriptor)
            self._descriptor = None

    def _acquire(self, descriptor: int) -> None:
        give_up = time.monotonic() + _GRACE_S
        while not _try(descriptor):
            holder = _holder(descriptor)
            if (holder and _alive(holder["pid"])) or time.monotonic() > give_up:
                raise Busy(_sentence(self._path.parent.name, holder))
            time.sleep(_POLL_S)


def _try(descriptor: int) -> bool:
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        return False
    return True


def _holder(descriptor: int) -> dict[str, int] | None:
    try:
        found = json.loads(os.pread(descriptor, 4096, 0))
    except ValueError:
        # The holder has not written itself down yet, or has just left.
        return None
    return found if isinstance(found, dict) and isinstance(found.get("pid"), int) else None


def _alive(pid: int) -> bool:
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    except PermissionError:
        return True
    return True


def _sentence(env: str, holder: dict[str, int] | None) -> str:
    who = f"`cnai {holder.get('command')}` (process {holder['pid']})" if holder else "another command"
    return f"{who} is at work on {env}: wait until it has ended, or interrupt it"
