"""`cnai doctor`: every tool, where it comes from, and what is missing and how to get it."""

import platform
import sys

import typer

from cnai._version import __version__
from cnai.cli.console import ExitCode, out, print_json, table
from cnai.cli.target import JsonFlag
from cnai.paths import cache_dir


def register(app: typer.Typer) -> None:
    app.command()(doctor)


def doctor(as_json: JsonFlag = False) -> int:
    """List every tool the sandbox needs. Exit 1 if one is neither installed nor available."""
    from cnai.toolchain import survey

    tools = survey()
    machine = {
        "cnai": __version__,
        "python": sys.version.split()[0],
        "system": f"{platform.system().lower()}/{platform.machine()}",
        "cache": str(cache_dir()),
    }
    if as_json:
        rows = [
            {
                "name": t.name,
                "wanted": t.wanted,
                "found": t.version,
                "origin": t.origin,
                "path": t.path,
                "made_by": t.made_by,
                "source": t.source,
                "advice": t.advice,
            }
            for t in tools
        ]
        print_json(machine | {"tools": rows})
    else:
        out.print("  ".join(f"{key} {value}" for key, value in machine.items()), highlight=False, soft_wrap=True)
        shown = table("tool", "wanted", "found", "from", "path, or how to get it")
        for tool in tools:
            shown.add_row(
                tool.name,
                tool.wanted,
                tool.version or "-",
                f"{tool.origin}, {tool.made_by}" if tool.made_by else tool.origin or "[yellow]missing[/]",
                "\n".join(filter(None, (str(tool.path or tool.advice), tool.source))),
            )
        out.print(shown)
    return ExitCode.DONE if all(tool.obtainable for tool in tools) else ExitCode.FAILED
