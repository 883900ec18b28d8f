"""Makes a process end when its parent does: a signal from the kernel on Linux, watching the parent's id everywhere."""

import ctypes
import os
import signal
import sys
import threading
import time
from collections.abc import Sequence
from pathlib import Path

_PR_SET_PDEATHSIG = 1
_POLL_S = 1.0
_LEASH = Path(__file__).with_name("leash.py")


def die_with_parent() -> None:
    """To be called early by a process of ours whose parent is the engine.

    Linux sends the signal when the *thread* that started us ends, and Go ends threads: so the handler looks first.
    """
    parent = os.getppid()
    signal.signal(signal.SIGHUP, lambda signum, frame: _leave_if_orphaned(parent))
    if sys.platform == "linux":
        ctypes.CDLL(None, use_errno=True).prctl(_PR_SET_PDEATHSIG, signal.SIGHUP)
    threading.Thread(target=_watch, args=(parent,), name="parent", daemon=True).start()


def _watch(parent: int) -> None:
    while True:
        _leave_if_orphaned(parent)
        time.sleep(_POLL_S)


def _leave_if_orphaned(parent: int) -> None:
    if os.getppid() != parent:
        os._exit(1)


def leashed(command: Sequence[str | Path]) -> list[str]:
    """The command, to be killed by the kernel when this process ends; the thread that starts it must live as long."""
    return [sys.executable, "-I", "-S", str(_LEASH), str(os.getpid()), *map(str, command)]
