"""What all commands share: two consoles, exit codes, progress lines and confirmation."""

import json
import sys
import time
from collections.abc import Callable
from enum import IntEnum
from typing import Any

import typer
from rich import box
from rich.console import Console
from rich.table import Table

PIPED_COLUMNS = 200
"""Wide enough that no cell wraps in a file or a CI log."""

# Without emoji: `cnai:cloud: give a mapping` is a key's path, not an emoji.
out = Console(width=None if sys.stdout.isatty() else PIPED_COLUMNS, emoji=False)
err = Console(stderr=True, soft_wrap=True, emoji=False)


class ExitCode(IntEnum):
    """Exit codes that CI can rely on."""

    DONE = 0
    FAILED = 1
    WRONG_INPUT = 2
    BUSY = 3
    NOT_CONFIRMED = 4
    INTERRUPTED = 130


def complain(message: str) -> None:
    """Prints one error to standard error, with markup escaped."""
    err.print("[bold red]error:[/] ", end="")
    err.print(message, markup=False, highlight=False)


def progress() -> Callable[[str], None]:
    """A reporter that prints each step with the seconds since the command began."""
    start = time.monotonic()

    def report(line: str) -> None:
        err.print(f"[dim]{time.monotonic() - start:6.1f} s[/]  ", end="")
        err.print(line, markup=False, highlight=False)

    return report


def table(*columns: str, title: str | None = None) -> Table:
    """A plain table that wraps long cells and never truncates them."""
    made = Table(title=title, title_justify="left", title_style="bold", box=box.SIMPLE_HEAD, pad_edge=False)
    for column in columns:
        made.add_column(column, overflow="fold")
    return made


def print_json(value: Any) -> None:
    """One JSON document on standard output and nothing else."""
    sys.stdout.write(json.dumps(value, indent=2, sort_keys=True, default=str) + "\n")


def confirm(question: str, *, yes: bool) -> None:
    """Asks before a real change; without a terminal it never asks, and stops unless `--yes` is given."""
    if yes:
        return
    if not sys.stdin.isatty():
        complain(f"{question} There is no terminal to confirm on: pass --yes. Nothing was changed.")
        raise typer.Exit(ExitCode.NOT_CONFIRMED)
    if not typer.confirm(question):
        complain("not confirmed, nothing was changed")
        raise typer.Exit(ExitCode.NOT_CONFIRMED)
