"""A Python that has loaded the SDK before the engine asks for a program to be run."""

import subprocess
import sys
import threading


class Spare:
    """One process that waits for a program on its standard input; its output is the host's, which the engine reads."""

    def __init__(self) -> None:
        self._waiting: subprocess.Popen[bytes] | None = _spawn()
        self._guard = threading.Lock()

    def take(self) -> subprocess.Popen[bytes]:
        """The waiting process, or a new one if it has been taken."""
        with self._guard:
            process, self._waiting = self._waiting, None
        return process or _spawn()

    def discard(self) -> None:
        if self._waiting:
            self._waiting.kill()


def _spawn() -> subprocess.Popen[bytes]:
    """In its own process group: the engine interrupts the host's group to end it, and the host forwards that itself."""
    command = [sys.executable, "-P", "-m", "cnai.engine.language.program"]
    return subprocess.Popen(command, stdin=subprocess.PIPE, process_group=0)
