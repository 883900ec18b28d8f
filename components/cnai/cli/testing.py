"""`cnai test [TIER]` and `cnai bench NAME`."""

import subprocess
import sys
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Annotated

import typer

from cnai.cli import workloads
from cnai.cli.console import ExitCode, err, progress
from cnai.cli.minutes import Minutes
from cnai.cli.target import tools
from cnai.errors import UserError
from cnai.paths import project_dir

TIERS = {
    "unit": "not sandbox and not reference and not controllers",
    "sandbox": "sandbox",
    "controllers": "controllers",
    "reference": "reference",
    "workloads": "workloads",
}
SANDBOXED = ("sandbox", "controllers")
WITHOUT_TOOLS = "not sandbox and not controllers"
NOTHING_CHOSEN = 5
"""Pytest's exit code where no test is left of what was asked for."""
RAW = {"allow_extra_args": True, "ignore_unknown_options": True}


def register(app: typer.Typer) -> None:
    app.command(context_settings=RAW)(test)
    app.command(context_settings=RAW)(bench)


def test(
    context: typer.Context,
    tier: Annotated[str, typer.Argument(help=f"One of {', '.join(TIERS)}; all where none is named.")] = "",  # noqa: PT028
) -> int:
    """Run the tests; arguments after the tier go to pytest."""
    if not tier:
        return everything(context.args)
    selection, arguments = chosen(tier, context.args)
    if selection == "workloads":
        return workloads.test(project_dir(), arguments, progress(), lambda _: ())
    if selection == "controllers" and not controllers_beyond():
        err.print("no tool is beyond the base set: the tier `controllers` has no tests yet")
        return ExitCode.DONE
    if selection in ("", *SANDBOXED) and not toolchain_at_hand(selection):
        if selection in SANDBOXED:
            return verdict(ExitCode.DONE, [f"{selection}: its tools are not available"])
        return verdict(pytest(WITHOUT_TOOLS, arguments), ["sandbox: its tools are not available"])
    return pytest(selection, arguments)


def everything(arguments: list[str]) -> int:
    """Tier after tier, the quickest to fail first; says at the end where the time went."""
    left_out = list[str]()
    with TemporaryDirectory(prefix="cnai-tests-") as folder:
        minutes = Minutes(Path(folder))
        codes = [tier_of("unit", arguments, minutes), tier_of("reference", arguments, minutes)]
        if minutes.of("toolchain", toolchain_at_hand):
            codes.append(tier_of("sandbox", arguments, minutes))
            if controllers_at_hand():
                codes.append(tier_of("controllers", arguments, minutes))
        else:
            left_out.append("sandbox: its tools are not available")
        codes.append(minutes.of("workloads", lambda: workload_tests(arguments, minutes, left_out)))
        minutes.show()
    return verdict(max(codes), left_out)


def tier_of(name: str, arguments: list[str], minutes: Minutes) -> int:
    code = minutes.of(name, lambda: pytest(TIERS[name], [*minutes.report(name), *arguments]))
    # What was asked for may lie in other tiers.
    return ExitCode.DONE if code == NOTHING_CHOSEN and arguments else code


def pytest(selection: str, arguments: list[str]) -> int:
    command = [sys.executable, "-m", "pytest", *(["-m", selection] if selection else []), *arguments]
    return subprocess.run(command, cwd=project_dir(), check=False).returncode


def workload_tests(arguments: list[str], minutes: Minutes, left_out: list[str]) -> int:
    try:
        return workloads.test(project_dir(), arguments, progress(), minutes.report)
    except UserError as error:
        err.print(str(error), markup=False, highlight=False)
        left_out.append("workloads: their environment could not be made")
        return ExitCode.DONE


def verdict(code: int, left_out: list[str]) -> int:
    """Says last which tiers could not run: what was not tested has not passed."""
    for tier in left_out:
        err.print(f"[yellow]left out[/] {tier} (see above)", highlight=False)
    return code or (ExitCode.FAILED if left_out else ExitCode.DONE)


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


def controllers_beyond() -> tuple[str, ...]:
    """Tools that only the tier `controllers` needs."""
    from cnai.toolchain import tool_names

    return tool_names("controllers")


def controllers_at_hand() -> bool:
    """Whether the tier `controllers` has tools and all are in the cache; names those that would have to be made."""
    from cnai.toolchain import missing

    beyond = controllers_beyond()
    if lacking := missing(beyond):
        names = ", ".join(lacking)
        err.print(
            f"left out controllers: {names} not in the cache; `./cnai test controllers` makes it", highlight=False
        )
    return bool(beyond) and not lacking


def bench(context: typer.Context, name: Annotated[str, typer.Argument(help="Runs benchmarks/NAME.py.")]) -> int:
    """Run one benchmark; its last line is one JSON object."""
    folder = project_dir() / "benchmarks"
    script = folder / f"{name}.py"
    if not script.is_file():
        known = ", ".join(sorted(path.stem for path in folder.glob("*.py") if not path.stem.startswith("_"))) or "none"
        raise UserError(f"no benchmark {name!r}: there are {known}")
    interpreter = workloads.python(project_dir(), progress()) if name in workloads.BENCHMARKS else sys.executable
    return subprocess.run([interpreter, str(script), *context.args], cwd=project_dir(), check=False).returncode
