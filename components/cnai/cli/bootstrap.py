"""`cnai bootstrap`: a bucket for the state and a key for its secrets, before the first `up`."""

from typing import Annotated

import typer

from cnai.cli.console import ExitCode, confirm, err, out, print_json
from cnai.cli.target import EnvArgument, JsonFlag, Target, YesFlag


def register(app: typer.Typer) -> None:
    app.command()(bootstrap)


def bootstrap(
    env: EnvArgument,
    bucket: Annotated[str, typer.Option(help="Bucket name; derived from environment and account if omitted.")] = "",
    as_json: JsonFlag = False,
    yes: YesFlag = False,
) -> int:
    """Create the state bucket of a real environment and the key that encrypts it; idempotent."""
    from cnai.operations.bootstrap import bootstrap as make

    target = Target.of(env)
    environment = target.environment
    confirm(f"Create, or complete, the state bucket and key of {env} in its cloud?", yes=yes)
    target.install()
    store = make(env, environment.cloud, environment.cloud_settings, bucket)
    if as_json:
        print_json(store.as_json(env))
        return ExitCode.DONE
    for change in store.changes:
        out.print(f"made: {change}", markup=False, highlight=False)
    if not store.changes:
        out.print("everything exists already, nothing was changed")
    for remark in store.remarks:
        err.print(f"[yellow]note:[/] {remark}", highlight=False)
    for line in store.commands(env):
        out.print(line, markup=False, highlight=False, soft_wrap=True)
    return ExitCode.DONE
