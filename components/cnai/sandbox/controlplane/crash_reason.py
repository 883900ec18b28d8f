"""Why a component ended, in its log's own words."""

import json
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Any, cast

LAST_LINES = 200
SEVERE = ("panic", "fatal")


def crash_reason(log: Path) -> str:
    """What a Go program died of, else its log's last line: after a panic that is only an address in its stack."""
    try:
        text = log.read_text(errors="replace")
    except OSError:
        text = ""
    lines = [line.strip() for line in text.splitlines() if line.strip()][-LAST_LINES:]
    return next(_severe(reversed(lines)), lines[-1] if lines else "it wrote nothing")


def _severe(lines: Iterable[str]) -> Iterator[str]:
    panics: list[str] = []
    for line in lines:
        if line.startswith("{") and (told := _record(line)):
            yield told
        if line.startswith(("panic: ", "fatal error: ")):
            panics.append(line)
    yield from panics


def _record(line: str) -> str:
    """Message and error of a structured line of the worst levels, "" of any other."""
    try:
        entry = cast("dict[str, Any]", json.loads(line))
    except ValueError:
        return ""
    said = [str(entry[key]) for key in ("msg", "error") if entry.get(key)]
    return ": ".join(said) if entry.get("level") in SEVERE else ""
