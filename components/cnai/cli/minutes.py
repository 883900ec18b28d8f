"""Where the time of a test run goes: minutes per tier, and its slowest tests."""

import json
import time
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path
from xml.etree import ElementTree

from cnai.cli.console import err
from cnai.paths import cache_dir

SLOWEST = 15


class Minutes:
    """Of one run; `folder` is where pytest leaves a report for each of its parts."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._spent: dict[str, float] = {}

    def of(self, name: str, part: Callable[[], int]) -> int:
        start = time.monotonic()
        try:
            return part()
        finally:
            self._spent[name] = time.monotonic() - start

    def report(self, name: str) -> list[str]:
        """Pytest's options for one part of the run."""
        return ["-o", "junit_family=xunit2", f"--junitxml={self._folder / name}.xml"]

    def show(self) -> None:
        tests = sorted((test for path in self._folder.glob("*.xml") for test in timed(path)), reverse=True)
        for seconds, name in tests[:SLOWEST]:
            err.print(f"{seconds:7.1f} s  {name}", markup=False, highlight=False)
        whole = sum(self._spent.values()) / 60
        parts = ", ".join(f"{name} {seconds / 60:.1f} min" for name, seconds in self._spent.items())
        err.print(f"time: {whole:.1f} min: {parts}", markup=False, highlight=False)
        built = cache_dir() / "logs" / "toolchain-times.json"
        if built.is_file():
            steps = json.loads(built.read_text())
            shown = (f"{name} {step['seconds']:.0f} s ({step['origin']})" for name, step in steps.items())
            err.print("toolchain, when it was last made: " + ", ".join(shown), highlight=False)


def timed(report: Path) -> list[tuple[float, str]]:
    """Each test of a report with its seconds, fixtures included; none where pytest was ended before it wrote it."""
    with suppress(OSError, ElementTree.ParseError):
        cases = ElementTree.parse(report).iter("testcase")
        return [(float(case.get("time", 0)), f"{case.get('classname')}::{case.get('name')}") for case in cases]
    return []
