"""`cnai drift`: changes made to an environment out of band."""

import typer

from cnai.cli.console import ExitCode, complain, out, print_json, progress, table
from cnai.cli.progress import Display
from cnai.cli.target import EnvArgument, JsonFlag, SandboxFlag, Target
from cnai.errors import FailedError
from cnai.operations.drift import Drift, judged

NOT_CHECKED = ExitCode.WRONG_INPUT
"""Keeps 1 for drift, so that CI can tell the two apart."""


def register(app: typer.Typer) -> None:
    app.command()(drift)


def drift(env: EnvArgument, sandbox: SandboxFlag = False, as_json: JsonFlag = False) -> int:
    """Compare what exists with the state and change neither. Exit codes: 0 no drift, 1 drift, 2 could not check."""
    from cnai.engine import EngineError
    from cnai.kube.errors import ApiError

    target = Target.of(env, sandbox=sandbox)
    try:
        found = look(target)
    except (EngineError, ApiError, FailedError, OSError) as error:
        complain(f"drift of {env} could not be checked: {error}")
        return NOT_CHECKED
    if not found.looked_at:
        complain(f"{env} has never been brought up, so nothing was compared: `./cnai up {env}` brings it up")
        return NOT_CHECKED
    if as_json:
        print_json(found.as_json())
    else:
        show(found)
    return ExitCode.FAILED if found.drifted else ExitCode.DONE


def look(target: Target) -> Drift:
    with target.session(progress(), command="drift") as session:
        summary = session.drift(display := Display(steps=False))
    return judged(target.env, display.changed, summary.changes)


def show(found: Drift) -> None:
    if found.drifted:
        shown = table("", "resource")
        for what, resource in found.drifted:
            shown.add_row(what, resource)
        out.print(shown)
        env = found.environment
        out.print(f"`./cnai refresh {env}` writes this into the state; `./cnai up {env}` then restores it")
    out.print(f"{len(found.drifted)} of {found.looked_at} resources drifted", highlight=False)
