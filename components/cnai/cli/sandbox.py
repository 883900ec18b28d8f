"""start, stop, status and delete of a sandbox's control plane."""

import shutil
from typing import Annotated

import typer

from cnai.cli.console import ExitCode, out, print_json, progress, table
from cnai.cli.target import JsonFlag, Target, YesFlag

app = typer.Typer(help="The control plane of a sandboxed environment.", no_args_is_help=True)
Env = Annotated[str, typer.Argument(metavar="[ENV]", help="The environment: stacks/Pulumi.ENV.yaml.")]


@app.command()
def start(env: Env = "local", yes: YesFlag = False) -> None:
    """Start it, or repair it if a part has died."""
    plane = Target.of(env, sandbox=True).start(progress())
    out.print(
        f"running at {plane.status().api_url}; `./cnai kubectl --env {env} get nodes` connects to it", highlight=False
    )


@app.command()
def stop(env: Env = "local", yes: YesFlag = False) -> None:
    """Stop its processes; its contents are kept for the next start."""
    Target.of(env, sandbox=True).control_plane().stop()
    out.print(f"stopped; `./cnai sandbox start {env}` resumes it", highlight=False)


@app.command()
def delete(env: Env = "local", yes: YesFlag = False) -> None:
    """Stop its processes and delete everything in it, including the engine's state."""
    from cnai.engine import EnvironmentLock, forget_stack

    target = Target.of(env, sandbox=True)
    directory = target.need_sandbox()
    with EnvironmentLock(directory, "sandbox delete"):
        target.control_plane().delete()
        forget_stack(target.project, env)
    shutil.rmtree(directory.root, ignore_errors=True)
    out.print(f"deleted; `./cnai up {env}` starts from scratch", highlight=False)


@app.command()
def status(env: Env = "local", as_json: JsonFlag = False) -> int:
    """Show its processes and their memory. Exit 1 unless all are running."""
    state = Target.of(env, sandbox=True).control_plane().status()
    processes = [{"name": each.name, "pid": each.pid, "memory_mib": each.memory_mib} for each in state.processes]
    if as_json:
        print_json({"environment": env, "state": state.state, "api_url": state.api_url, "processes": processes})
        return ExitCode.DONE if state.state == "running" else ExitCode.FAILED
    shown = table("process", "pid", "MiB", title=f"{env}: {state.state} {state.api_url or ''}")
    for each in state.processes:
        shown.add_row(each.name, str(each.pid or "-"), f"{each.memory_mib:.0f}" if each.pid else "[red]dead[/]")
    out.print(shown)
    return ExitCode.DONE if state.state == "running" else ExitCode.FAILED
