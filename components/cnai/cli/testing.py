"""`cnai test [TIER]` and `cnai bench NAME`."""

import json
import subprocess
import sys
import time
from collections.abc import Callable
from typing import Annotated

import typer

from cnai.cli import workloads
from cnai.cli.console import ExitCode, err, progress
from cnai.cli.target import tools
from cnai.errors import UserError
from cnai.paths import cache_dir, project_dir

TIERS = {
    "unit": "not sandbox and not reference and not controllers",
    "sandbox": "sandbox",
    "controllers": "controllers",
    "reference": "reference",
    "workloads": "workloads",
}
SANDBOXED = ("sandbox", "controllers")
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
    minutes, report = Minutes(), progress()
    if selection == "workloads":
        return workloads.test(project_dir(), arguments, report)
    everything, left_out = tier == "", list[str]()
    if selection in ("", *SANDBOXED) and not minutes.of("toolchain", lambda: toolchain_at_hand(selection)):
        left_out.append(f"{selection or 'sandbox'}: its tools could not be had")
        if selection in SANDBOXED:
            return verdict(ExitCode.DONE, left_out)
        selection = "not sandbox and not controllers"
    elif not selection and beyond_the_base_set():
        selection = "not controllers"
    command = [sys.executable, "-m", "pytest", *(["-m", selection] if selection else []), *arguments]
    code = minutes.of("platform", lambda: subprocess.run(command, cwd=project_dir(), check=False).returncode)
    if everything:
        code = max(code, minutes.of("workloads", lambda: workload_tests(arguments, report, left_out)))
        minutes.show()
    return verdict(code, left_out)


def workload_tests(arguments: list[str], report: Callable[[str], None], left_out: list[str]) -> int:
    try:
        return workloads.test(project_dir(), arguments, report)
    except UserError as error:
        err.print(str(error), markup=False, highlight=False)
        left_out.append("workloads: their environment could not be made")
        return ExitCode.DONE


def verdict(code: int, left_out: list[str]) -> int:
    """Says last which tiers could not run: what was not tested has not passed."""
    for tier in left_out:
        err.print(f"[yellow]left out[/] {tier} (see above)", highlight=False)
    return code or (ExitCode.FAILED if left_out else ExitCode.DONE)


class Minutes:
    """Where a run's time went."""

    def __init__(self) -> None:
        self._spent: dict[str, float] = {}

    def of(self, name: str, part: Callable[[], int]) -> int:
        start = time.monotonic()
        try:
            return part()
        finally:
            self._spent[name] = time.monotonic() - start

    def show(self) -> None:
        err.print("time: " + ", ".join(f"{name} {seconds / 60:.1f} min" for name, seconds in self._spent.items()))
        built = cache_dir() / "logs" / "toolchain-times.json"
        if built.is_file():
            steps = json.loads(built.read_text())
            shown = (f"{name} {step['seconds']:.0f} s ({step['origin']})" for name, step in steps.items())
            err.print("toolchain, when it was last made: " + ", ".join(shown), highlight=False)


def chosen(tier: str, arguments: list[str]) -> tuple[str, list[str]]:
    """The marker expression of a tier; a first word that is no tier is pytest's (a path, an option)."""
    if not tier:
        return "", arguments
    if tier in TIERS:
        return TIERS[tier], arguments
    return "", [tier, *arguments]


def toolchain_at_hand(tier: str = "") -> bool:
    """Makes the base set of tools, and for the tier `controllers` those that it needs beyond."""
    from cnai.toolchain import tool_names

    more = tool_names(tier) if tier == "controllers" else ()
    try:
        tools(progress(), (*tool_names(""), "kubectl", *more))
    except UserError as error:
        err.print(str(error), markup=False, highlight=False)
        return False
    return True


def beyond_the_base_set() -> bool:
    """Whether the tier `controllers` needs a tool that is not in the cache; says so, since that is not made here."""
    from cnai.toolchain import missing, tool_names

    lacking = missing(tool_names("controllers"))
    if lacking:
        names = ", ".join(lacking)
        err.print(
            f"left out controllers: {names} not in the cache; `./cnai test controllers` makes it", highlight=False
        )
    return bool(lacking)


def bench(context: typer.Context, name: Annotated[str, typer.Argument(help="A file benchmarks/NAME.py.")]) -> int:
    """Run one benchmark; its last line is one JSON object."""
    folder = project_dir() / "benchmarks"
    script = folder / f"{name}.py"
    if not script.is_file():
        known = ", ".join(sorted(path.stem for path in folder.glob("*.py") if not path.stem.startswith("_"))) or "none"
        raise UserError(f"no benchmark {name!r}: there are {known}")
    interpreter = workloads.python(project_dir(), progress()) if name in workloads.BENCHMARKS else sys.executable
    return subprocess.run([interpreter, str(script), *context.args], cwd=project_dir(), check=False).returncode
