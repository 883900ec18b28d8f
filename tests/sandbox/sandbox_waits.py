"""Waiting for what a cluster brings about in its own time."""

import time
from collections.abc import Callable
from typing import TypeVar

T = TypeVar("T")


def eventually(look: Callable[[], T | None], what: str, within_s: float = 60) -> T:
    """The first true value that `look` gives; fails, naming `what`, when the time is up."""
    deadline = time.monotonic() + within_s
    while time.monotonic() < deadline:
        if found := look():
            return found
        time.sleep(0.1)
    raise AssertionError(f"not within {within_s:.0f} s: {what}")
