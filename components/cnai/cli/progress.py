"""Shows the engine's events as they arrive: slow resources and messages; and records changes."""

import time
from typing import TYPE_CHECKING

from cnai.cli.console import err

if TYPE_CHECKING:
    from cnai.engine import Event

SLOW_SECONDS = 1.0
"""Resources that take longer are named; the rest are only counted, so that 500 objects do not scroll by."""
COLOURS = {"warning": "yellow", "mandatory": "red", "advisory": "yellow"}


class Display:
    """Called with each event; prints to standard error, leaving standard output for results.

    Errors are not printed here: the operation's own error lists each of them once.
    """

    def __init__(self, *, steps: bool = True) -> None:
        """Without `steps`, finished resources are not printed."""
        self.steps = steps
        self._changed: dict[str, tuple[str, str]] = {}
        self._started: dict[str, float] = {}

    @property
    def changed(self) -> list[tuple[str, str]]:
        """Operation and `Type name` of each resource that changes."""
        return sorted(self._changed.values())

    def __call__(self, event: "Event") -> None:
        match event.kind:
            case "start":
                self._started[event.urn] = time.monotonic()
            case "done":
                self._finish(event)
            case "failed" if self.steps:
                err.print(f"[red]✗[/] {event.op:<8} {event.label}", highlight=False)
            case "diagnostic" if event.severity != "error":
                self._say(event)
            case "policy":
                self._say(event)
            case _:
                return

    def _finish(self, event: "Event") -> None:
        took = time.monotonic() - self._started.pop(event.urn, time.monotonic())
        if event.op in ("", "same"):
            return
        self._changed[event.urn] = (event.op, event.label)
        if self.steps and took >= SLOW_SECONDS:
            err.print(f"[green]✓[/] {event.op:<8} {event.label}  [dim]{took:.1f} s[/]", highlight=False)

    def _say(self, event: "Event") -> None:
        if colour := COLOURS.get(event.severity):
            err.print(f"{event.severity}: ", end="", style=colour)
        err.print(event.message, markup=False, highlight=False)
