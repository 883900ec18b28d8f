"""`cnai pulumi …` and `cnai kubectl …`: the real tools, pointed at an environment."""

import os
import subprocess
from typing import Annotated

import typer

from cnai.cli.console import progress
from cnai.cli.target import EnvOption, Target, tools
from cnai.errors import UserError
from cnai.sandbox.paths import SandboxDir, project_dir

RAW = {"allow_extra_args": True, "ignore_unknown_options": True, "help_option_names": []}


def register(app: typer.Typer) -> None:
    app.command(context_settings=RAW)(pulumi)
    app.command(context_settings=RAW)(kubectl)


def stack_argument(arguments: list[str]) -> str | None:
    """The stack that pulumi's own `-s NAME`, `--stack NAME` or `--stack=NAME` names."""
    for index, argument in enumerate(arguments):
        if argument in ("-s", "--stack") and index + 1 < len(arguments):
            return arguments[index + 1]
        if argument.startswith("--stack="):
            return argument.removeprefix("--stack=")
    return None


def pulumi(context: typer.Context) -> int:
    """The pulumi CLI with the sandbox's engine, state and plugins: `cnai pulumi up -s local`."""
    env = stack_argument(context.args) or "local"
    with Target.of(env).session(
        progress(), command="pulumi", cluster=any(a in CLUSTER_COMMANDS for a in context.args)
    ) as session:
        return session.pulumi(context.args)


CLUSTER_COMMANDS = frozenset({"up", "update", "preview", "pre", "destroy", "refresh", "import", "watch"})
"""What needs the control plane to run; `config` and `stack` do not."""


def kubectl(
    context: typer.Context,
    env: EnvOption = "local",
) -> Annotated[int, "kubectl's own exit code"]:
    """The official kubectl on an environment's cluster."""
    directory = SandboxDir.of(project_dir(), env)
    if not directory.kubeconfig.is_file():
        raise UserError(f"{env} has no control plane here: `./cnai up {env}` or `./cnai sandbox start {env}` makes one")
    program = tools(progress(), ("kubectl",))["kubectl"]
    environment = os.environ | {"KUBECONFIG": str(directory.kubeconfig)}
    return subprocess.run([program, *context.args], env=environment, check=False).returncode
