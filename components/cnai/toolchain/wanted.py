"""Which tools some process is about to make, and why the last try failed: told to other processes through the cache."""

import fcntl
import time
from collections.abc import Generator
from contextlib import contextmanager
from pathlib import Path

from cnai.toolchain.cache import writable

MARK, REASON = ".wanted", ".failed"
BEAT_S = 0.2


@contextmanager
def wanted(folder: Path) -> Generator[None]:
    """Marks the tool of `tools/<tool>` as coming; however the process ends, the kernel takes the mark away with it."""
    with writable(folder):
        folder.mkdir(parents=True, exist_ok=True)
        (folder / REASON).unlink(missing_ok=True)
        mark = (folder / MARK).open("a")
    with mark:
        fcntl.flock(mark, fcntl.LOCK_SH)
        yield


def is_wanted(folder: Path) -> bool:
    """Whether a living process is about to make it."""
    try:
        mark = (folder / MARK).open()
    except FileNotFoundError:
        return False
    with mark:
        try:
            fcntl.flock(mark, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            return True
        return False


def await_made(folder: Path) -> None:
    """Returns once nobody is making it any more: it is there then, or it failed."""
    while is_wanted(folder):
        time.sleep(BEAT_S)


def note_failure(folder: Path, reason: str) -> None:
    folder.mkdir(parents=True, exist_ok=True)
    (folder / REASON).write_text(reason, encoding="utf-8")


def failure(folder: Path) -> str:
    """Why the last try failed, "" where there was none."""
    try:
        return (folder / REASON).read_text(encoding="utf-8")
    except FileNotFoundError:
        return ""
