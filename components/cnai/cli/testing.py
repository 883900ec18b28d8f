"""`cnai test [TIER]` and `cnai bench NAME`."""

import subprocess
import sys
from typing import Annotated

import typer

from cnai.cli.console import ExitCode, err, progress
from cnai.cli.target import CONTROL_PLANE, CONTROLLERS, tools
from cnai.errors import UserError
from cnai.sandbox.paths import project_dir

TIERS = {"unit": "not sandbox and not reference and not workloads", "sandbox": "sandbox", "reference": "reference"}
RAW = {"allow_extra_args": True, "ignore_unknown_options": True}


def register(app: typer.Typer) -> None:
    app.command(context_settings=RAW)(test)
    app.command(context_settings=RAW)(bench)


def test(
    context: typer.Context,
    tier: Annotated[str, typer.Argument(help=f"One of {', '.join(TIERS)}; all where none is named.")] = "",  # noqa: PT028
) -> int:
    """Run the tests; what follows the tier goes to pytest."""
    selection, arguments = chosen(tier, context.args)
    if selection in ("", "sandbox") and not toolchain_at_hand():
        err.print("[yellow]the sandbox tier is left out: its tools could not be had (see above)[/]")
        if selection == "sandbox":
            return ExitCode.FAILED
        selection = "not sandbox"
    command = [sys.executable, "-m", "pytest", *(["-m", selection] if selection else []), *arguments]
    return subprocess.run(command, cwd=project_dir(), check=False).returncode


def chosen(tier: str, arguments: list[str]) -> tuple[str, list[str]]:
    """The marker expression of a tier; a first word that is no tier is pytest's (a path, an option)."""
    if not tier:
        return "", arguments
    if tier in TIERS:
        return TIERS[tier], arguments
    return "", [tier, *arguments]


def toolchain_at_hand() -> bool:
    try:
        tools(progress(), (*CONTROL_PLANE, *CONTROLLERS, "pulumi", "helm", "kubectl"))
    except UserError as error:
        err.print(str(error), markup=False, highlight=False)
        return False
    return True


def bench(context: typer.Context, name: Annotated[str, typer.Argument(help="A file benchmarks/NAME.py.")]) -> int:
    """Run one benchmark; its last line is one JSON object."""
    folder = project_dir() / "benchmarks"
    script = folder / f"{name}.py"
    if not script.is_file():
        known = ", ".join(sorted(path.stem for path in folder.glob("*.py") if not path.stem.startswith("_"))) or "none"
        raise UserError(f"no benchmark {name!r}: there are {known}")
    return subprocess.run([sys.executable, str(script), *context.args], cwd=project_dir(), check=False).returncode
