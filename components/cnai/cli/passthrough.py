"""`cnai pulumi …` and `cnai kubectl …`: the real tools, pointed at an environment."""

import os
import socket
import subprocess
from pathlib import Path
from typing import Annotated
from urllib.parse import urlsplit

import typer

from cnai.cli.console import complain, progress
from cnai.cli.target import EnvOption, Target, tools
from cnai.errors import UserError
from cnai.paths import SandboxDir, project_dir

RAW = {"allow_extra_args": True, "ignore_unknown_options": True, "help_option_names": []}


def register(app: typer.Typer) -> None:
    app.command(context_settings=RAW)(pulumi)
    app.command(context_settings=RAW)(kubectl)


def argument_of(arguments: list[str], *names: str) -> str | None:
    """The value of pulumi's own `-s NAME`, `--stack NAME` or `--stack=NAME`."""
    for index, argument in enumerate(arguments):
        name, given, value = argument.partition("=")
        if argument in names and index + 1 < len(arguments):
            return arguments[index + 1]
        if given and name in names:
            return value
    return None


def stack_argument(arguments: list[str]) -> str | None:
    """The stack named by the arguments."""
    return argument_of(arguments, "-s", "--stack")


def pulumi(context: typer.Context) -> int:
    """The pulumi CLI with the sandbox's engine, state and plugins: `cnai pulumi up -s local`.

    `--sandbox` uses the sandbox of an environment that is otherwise real.
    """
    arguments = [argument for argument in context.args if argument != "--sandbox"]
    target = Target.of(env := stack_argument(arguments) or "local", sandbox="--sandbox" in context.args)
    with target.session(progress(), command="pulumi", cluster=any(a in CLUSTER_COMMANDS for a in arguments)) as session:
        return session.pulumi(with_policy_settings(arguments, env))


def with_policy_settings(arguments: list[str], env: str) -> list[str]:
    """Passes the stack's policy settings to our own pack in a file: it has no other way to see them."""
    pack, project = argument_of(arguments, "--policy-pack"), project_dir()
    if pack is None or Path(pack).resolve() != (project / "policies").resolve():
        return arguments
    if argument_of(arguments, "--policy-pack-config"):
        return arguments
    from cnai.policy.config import write

    path = write(Target.of(env).environment, SandboxDir.of(project, env).root / "policy.json")
    return [*arguments, "--policy-pack-config", str(path)]


CLUSTER_COMMANDS = frozenset({"up", "update", "preview", "pre", "destroy", "refresh", "import", "watch"})
"""Whether a command needs a running control plane; `config` and `stack` do not."""


def kubectl(
    context: typer.Context,
    env: EnvOption = "local",
) -> Annotated[int, "kubectl's own exit code"]:
    """The official kubectl, pointed at an environment's cluster."""
    directory = SandboxDir.of(project_dir(), env)
    if not directory.kubeconfig.is_file():
        raise UserError(
            f"{env} has no control plane here: `./cnai up {env}` or `./cnai sandbox start {env}` creates one"
        )
    program = tools(progress(), ("kubectl",))["kubectl"]
    environment = os.environ | {"KUBECONFIG": str(directory.kubeconfig)}
    code = subprocess.run([program, *context.args], env=environment, check=False).returncode
    if code and not answers(directory):
        complain(f"the sandbox of {env} is not running: `./cnai sandbox start {env}` starts it")
    return code


def answers(directory: SandboxDir) -> bool:
    """Whether the environment's API server accepts connections."""
    from cnai.kube import Kube

    server = urlsplit(Kube.from_kubeconfig(directory.kubeconfig).server)
    try:
        socket.create_connection((server.hostname, server.port), timeout=2).close()
    except OSError:
        return False
    return True
