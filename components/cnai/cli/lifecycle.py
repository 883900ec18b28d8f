"""preview, up, destroy, refresh, status and outputs of one environment."""

from pathlib import Path
from typing import Annotated, Any

import typer

from cnai.cli import overview
from cnai.cli.console import ExitCode, complain, confirm, err, out, print_json, progress
from cnai.cli.progress import Display
from cnai.cli.target import EnvArgument, JsonFlag, SandboxFlag, Target, YesFlag
from cnai.errors import UserError

FaultsOption = Annotated[
    Path | None, typer.Option(metavar="FILE", help="Faults to inject into the simulated cloud, with --sandbox.")
]


def register(app: typer.Typer) -> None:
    for command in (preview, up, destroy, refresh, status, outputs):
        app.command()(command)


def preview(
    env: EnvArgument,
    sandbox: SandboxFlag = False,
    as_json: JsonFlag = False,
    expect_no_changes: bool = typer.Option(False, help="Exit 1 if anything would change."),
    yes: YesFlag = False,
) -> int:
    """Show what `up` would change; nothing is changed."""
    target = Target.of(env, sandbox=sandbox)
    target.environment  # noqa: B018  rejects an invalid one before anything starts
    report = progress()
    with target.session(report, command="preview") as session:
        summary = session.preview(display := Display(steps=False))
    if not as_json:
        for operation, label in display.changed:
            out.print(f"{operation:<8} {label}", markup=False, highlight=False)
    steps = [{"op": operation, "resource": label} for operation, label in display.changed]
    show_changes(summary.changes, "would", as_json, {"steps": steps})
    changed = any(count for step, count in summary.changes.items() if step != "same")
    return ExitCode.FAILED if expect_no_changes and changed else ExitCode.DONE


def up(
    env: EnvArgument,
    sandbox: SandboxFlag = False,
    as_json: JsonFlag = False,
    yes: YesFlag = False,
    faults: FaultsOption = None,
) -> int:
    """Bring an environment up, or update it to match its stack file."""
    from cnai.checks.checking import stop_violations

    target = Target.of(env, sandbox=sandbox)
    if faults is not None:
        inject(faults, target)
    target.environment  # noqa: B018
    target.install()
    report = progress()
    stop_violations(target.project, env, report)
    if target.sandbox is None:
        confirm(f"Change the real environment {env}?", yes=yes)
    with target.session(report, command="up") as session:
        forget_components(target)
        summary = session.up(Display(steps=not as_json))
        extra = {"outputs": summary.outputs, "seconds": round(summary.duration_s, 1)}
        if target.sandbox:
            picture = overview.read(target)
            extra |= picture.as_json()
            if not as_json:
                overview.show(picture)
    show_changes(summary.changes, "did", as_json, extra)
    if target.sandbox and not as_json:
        overview.show_next_steps(target)
    return ExitCode.DONE


def destroy(
    env: EnvArgument,
    sandbox: SandboxFlag = False,
    as_json: JsonFlag = False,
    unprotect: bool = typer.Option(False, help="Also delete protected stateful resources: buckets, keys, namespaces."),
    yes: YesFlag = False,
) -> int:
    """Delete everything the environment declares."""
    target = Target.of(env, sandbox=sandbox)
    report = progress()
    if target.sandbox is None:
        kept = " and all its data" if unprotect else ""
        confirm(f"Destroy everything in the real environment {env}{kept}?", yes=yes)
    with target.session(report, command="destroy") as session:
        forget_components(target)
        if unprotect:
            session.unprotect()
        summary = session.destroy(Display(steps=not as_json))
    show_changes(summary.changes, "did", as_json, {})
    if target.sandbox and not as_json:
        out.print(
            f"The empty control plane is still running; `./cnai sandbox delete {env}` removes it.", highlight=False
        )
    return ExitCode.DONE


def refresh(env: EnvArgument, sandbox: SandboxFlag = False, as_json: JsonFlag = False, yes: YesFlag = False) -> int:
    """Read what actually exists into the state."""
    target = Target.of(env, sandbox=sandbox)
    report = progress()
    if target.sandbox is None:
        confirm(f"Write what exists in {env} into its state?", yes=yes)
    with target.session(report, command="refresh") as session:
        summary = session.refresh(Display(steps=not as_json))
    show_changes(summary.changes, "found", as_json, {})
    return ExitCode.DONE


def outputs(env: EnvArgument, sandbox: SandboxFlag = False, as_json: JsonFlag = False) -> int:
    """Show what the environment exports; secrets stay hidden."""
    target = Target.of(env, sandbox=sandbox)
    with target.session(progress(), command="outputs", cluster=False) as session:
        values = session.outputs()
    if as_json:
        print_json(values)
        return ExitCode.DONE
    if not values:
        err.print(f"{env} exports nothing yet: `./cnai up {env}` brings it up", highlight=False)
    for name, value in sorted(values.items()):
        out.print(f"[bold]{name}[/]: ", end="")
        out.print_json(data=value, default=str)
    return ExitCode.DONE


def status(env: EnvArgument, sandbox: SandboxFlag = False, as_json: JsonFlag = False) -> int:
    """Show what is running, what is pending and GPU usage. Exit 1 if something is not ready."""
    target = Target.of(env, sandbox=sandbox)
    if target.sandbox is None:
        return real_status(target, as_json)
    plane = target.control_plane()
    state = plane.status()
    if state.state != "running":
        if as_json:
            print_json({"control_plane": state.state, "ready": False})
        complain(f"the sandbox of {env} is {state.state}: `./cnai sandbox start {env}` or `./cnai up {env}` starts it")
        return ExitCode.FAILED
    picture = overview.read(target)
    if as_json:
        print_json({"control_plane": state.state} | picture.as_json())
    else:
        overview.show(picture)
    return ExitCode.DONE if picture.ready else ExitCode.FAILED


def inject(faults: Path, target: Target) -> None:
    """Copies the file into the sandbox; rejects an invalid one."""
    from cnai.sandbox.cloud.faults import read

    if not faults.is_file():
        raise UserError(f"--faults {faults}: there is no such file")
    read(faults)
    place = target.need_sandbox().faults
    place.parent.mkdir(parents=True, exist_ok=True)
    place.write_text(faults.read_text("utf-8"), "utf-8")


def forget_components(target: Target) -> None:
    if target.sandbox:
        from cnai.sandbox.provider.construct.report import forget

        forget(target.sandbox)


def real_status(target: Target, as_json: bool) -> int:
    with target.session(progress(), command="status", cluster=False) as session:
        values: dict[str, Any] = session.outputs()
    if as_json:
        print_json({"environment": target.env, "outputs": values})
    else:
        out.print(
            f"{target.env} exports {len(values)} values; `./cnai refresh {target.env}` compares them with what exists."
        )
    return ExitCode.DONE


def show_changes(changes: dict[str, int], verb: str, as_json: bool, extra: dict[str, Any]) -> None:
    if as_json:
        print_json({"changes": changes} | extra)
        return
    words = ", ".join(f"{count} {step}" for step, count in sorted(changes.items()) if count) or "nothing"
    out.print(f"{verb}: {words}", highlight=False)
