"""Shows the engine's events as they come: what is under way, what is done, what went wrong."""

import time
from typing import TYPE_CHECKING

from cnai.cli.console import err

if TYPE_CHECKING:
    from cnai.sandbox.engine import Event

SLOW_SECONDS = 1.0
"""Resources that take longer are named; the rest only count, so that 500 objects do not scroll by."""


class Display:
    """Called with each event; prints to standard error and keeps standard output for results."""

    def __init__(self, *, quiet: bool = False) -> None:
        self.quiet = quiet
        self.started: dict[str, float] = {}
        self.done = 0

    def __call__(self, event: "Event") -> None:
        match event.kind:
            case "start":
                self.started[event.urn] = time.monotonic()
            case "done":
                self.finish(event)
            case "failed":
                err.print(f"[red]✗[/] {event.label}", highlight=False)
            case "diagnostic":
                self.say(event)
            case _:
                return

    def finish(self, event: "Event") -> None:
        took = time.monotonic() - self.started.pop(event.urn, time.monotonic())
        if event.op in ("", "same") or self.quiet:
            return
        self.done += 1
        if took >= SLOW_SECONDS:
            err.print(f"[green]✓[/] {event.op:<8} {event.label}  [dim]{took:.1f} s[/]", highlight=False)

    def say(self, event: "Event") -> None:
        if event.severity in ("warning", "error", "info#err"):
            err.print(
                f"{event.severity.removesuffix('#err')}: ",
                end="",
                style="yellow" if event.severity == "warning" else "red",
            )
            err.print(event.message, markup=False, highlight=False)
