"""What a person and CI see of the time that tools take."""

import json
import threading
import time
from collections.abc import Callable, Iterable
from pathlib import Path

Reporter = Callable[[str], None]
"""Takes one line of progress."""


def one_at_a_time(report: Reporter) -> Reporter:
    """A reporter for several threads."""
    lock = threading.Lock()

    def reported(line: str) -> None:
        with lock:
            report(line)

    return reported


def elapsed(seconds: float) -> str:
    """`8 s`, `3 min 5 s`."""
    minutes, rest = divmod(round(seconds), 60)
    return f"{minutes} min {rest} s" if minutes else f"{rest} s"


def listed(names: Iterable[str]) -> str:
    return ", ".join(names)


def record_time(file: Path, names: Iterable[str], origin: str, seconds: float) -> None:
    """Notes in `file` what a step took; tools that one step supplies share a row, so that rows add up."""
    known = json.loads(file.read_text(encoding="utf-8")) if file.is_file() else {}
    finished = time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime())
    known["+".join(names)] = {"seconds": round(seconds, 1), "origin": origin, "finished": finished}
    partial = file.with_suffix(".part")
    partial.write_text(json.dumps(known, indent=2) + "\n", encoding="utf-8")
    partial.replace(file)
