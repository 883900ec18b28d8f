"""`cnai upgrade` and `cnai rotate`: another Kubernetes minor, and newer images under the same nodes."""

import os
from collections.abc import Generator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from cnai.cli.console import ExitCode, confirm, err, out, print_json
from cnai.cli.target import EnvArgument, JsonFlag, SandboxFlag, Target, YesFlag
from cnai.errors import FailedError, UserError
from cnai.stackfiles import read_stack_config, stack_file

if TYPE_CHECKING:
    from cnai.kube import Kube

ImageOption = Annotated[str, typer.Option(help="The node image; the cloud's newest by default.")]


def register(app: typer.Typer) -> None:
    app.command()(upgrade)
    app.command()(rotate)


def upgrade(
    env: EnvArgument,
    to: Annotated[
        str, typer.Option("--to", metavar="MINOR", help="The next minor, such as 1.37; none can be skipped.")
    ],
    image: ImageOption = "",
    context: Annotated[str, typer.Option(help="kubeconfig context; the environment's name by default.")] = "",
    without_cluster: Annotated[bool, typer.Option(help="Skip the checks on the cluster, and say so.")] = False,
    sandbox: SandboxFlag = False,
    as_json: JsonFlag = False,
    yes: YesFlag = False,
) -> int:
    """Check that the next Kubernetes minor is safe, and write it into the stack file; `up` then follows its order."""
    from cnai.operations.upgrade import ORDER, planned

    target = Target.of(env, sandbox=sandbox)
    environment = target.environment
    target.install()
    with cluster(target, context, skipped=without_cluster) as kube:
        found = planned(environment, to, kube, image)
    write(target, found.values, f"Change {env} from Kubernetes {found.current} to {to} in its stack file?", yes=yes)
    if as_json:
        print_json(found.as_json())
        return ExitCode.DONE
    for remark in found.remarks:
        err.print(f"[yellow]note:[/] {remark}", highlight=False)
    for number, step in enumerate(ORDER, 1):
        out.print(f"{number}. {step}", highlight=False)
    say_next(target)
    return ExitCode.DONE


def rotate(
    env: EnvArgument,
    image: ImageOption = "",
    sandbox: SandboxFlag = False,
    as_json: JsonFlag = False,
    yes: YesFlag = False,
) -> int:
    """Write the cloud's newest node image into the stack file; `up` then replaces node by node."""
    from cnai.operations.rotation import planned

    target = Target.of(env, sandbox=sandbox)
    environment = target.environment
    target.install()
    found = planned(environment, image)
    if found.values:
        write(target, found.values, f"Change the node image of {env} from {found.current} to {found.image}?", yes=yes)
    if as_json:
        print_json(found.as_json())
    elif found.values:
        say_next(target)
    else:
        out.print(f"{env} has {found.image}, which is the newest: nothing was changed", highlight=False)
    return ExitCode.DONE


def write(target: Target, values: Mapping[str, str], question: str, *, yes: bool) -> None:
    """Into the stack file, once the whole is known to be valid."""
    from cnai.environment import Environment
    from cnai.operations.stackfile import set_values
    from cnai.operations.upgrade import changed

    cloud, config = target.environment.cloud, read_stack_config(target.project, target.env)
    Environment.load(target.env, changed(config, cloud, values))
    if target.sandbox is None:
        confirm(question, yes=yes)
    path = stack_file(target.project, target.env)
    set_values(path, ("config", "cnai:cloud", cloud), dict(values))
    for key, value in values.items():
        err.print(f"{path.relative_to(target.project)}: cnai:cloud.{cloud}.{key}: {value}", highlight=False)


def say_next(target: Target) -> None:
    flag = " --sandbox" if target.sandbox else ""
    out.print(f"next: `./cnai preview {target.env}{flag}`, then `./cnai up {target.env}{flag}`", highlight=False)


@contextmanager
def cluster(target: Target, context: str, *, skipped: bool) -> "Generator[Kube | None]":
    """The environment's cluster, which must respond unless it is skipped."""
    from cnai.kube import ApiError, Kube

    if skipped:
        yield None
        return
    path, wanted = kubeconfig(target), context or (None if target.sandbox else target.env)
    try:
        kube = Kube.from_kubeconfig(path, wanted)
        kube.list("v1", "Node")
    except (UserError, ApiError) as error:
        how = "bring it up, name its --context, or pass --without-cluster"
        raise FailedError(f"the cluster of {target.env} could not be reached ({error}): {how}") from error
    try:
        yield kube
    finally:
        kube.close()


def kubeconfig(target: Target) -> Path:
    if target.sandbox:
        return target.sandbox.kubeconfig
    return Path(os.environ.get("KUBECONFIG", "").split(os.pathsep)[0] or "~/.kube/config").expanduser()
