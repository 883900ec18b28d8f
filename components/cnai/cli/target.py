"""What a command acts on: an environment of this project, in its sandbox or for real."""

from collections.abc import Callable, Generator
from contextlib import contextmanager
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from cnai.errors import UserError
from cnai.paths import SandboxDir, project_dir
from cnai.stackfiles import read_stack_config

if TYPE_CHECKING:
    from cnai.engine import Session
    from cnai.environment import Environment
    from cnai.sandbox.controlplane import ControlPlane

CONTROL_PLANE = ("etcd", "kube-apiserver", "kube-controller-manager", "kube-scheduler", "kwok", "kwokctl")

SEEDING = frozenset({"up", "preview", "refresh"})
"""Commands that want to find what an existing cluster has."""

EnvArgument = Annotated[str, typer.Argument(metavar="ENV", help="The environment: stacks/Pulumi.ENV.yaml.")]
EnvOption = Annotated[str, typer.Option("--env", "-e", metavar="ENV", help="The environment: stacks/Pulumi.ENV.yaml.")]
SandboxFlag = Annotated[bool, typer.Option("--sandbox", help="Fly it here, simulated, instead of for real.")]
YesFlag = Annotated[bool, typer.Option("--yes", "-y", help="Do not ask.")]
JsonFlag = Annotated[bool, typer.Option("--json", help="One JSON document on standard output.")]


@dataclass(frozen=True)
class Target:
    """An environment of a project; `sandbox` is None where the real thing is meant."""

    env: str
    project: Path
    sandbox: SandboxDir | None

    @classmethod
    def of(cls, env: str, *, sandbox: bool = False) -> "Target":
        project = project_dir()
        config = read_stack_config(project, env)
        cloud = config.get("cnai:cloud")
        local = isinstance(cloud, dict) and "local" in cloud
        return cls(env, project, SandboxDir.of(project, env) if sandbox or local else None)

    @cached_property
    def environment(self) -> "Environment":
        """Validated; raises `UserError` with one line for each thing that is wrong."""
        from cnai.environment import Environment

        return Environment.load(self.env, read_stack_config(self.project, self.env))

    @cached_property
    def controllers(self) -> tuple[str, ...]:
        """The tools that really run what environments on this one's cloud have."""
        from cnai.sandbox.controllers import tool_names

        cloud = read_stack_config(self.project, self.env).get("cnai:cloud")
        return tool_names(tuple(cloud) if isinstance(cloud, dict) else ())

    @property
    def contexts(self) -> tuple[str, ...]:
        """What the environment calls a cluster that is there already: in its sandbox the control plane is it."""
        cloud = read_stack_config(self.project, self.env).get("cnai:cloud")
        settings = next(iter(cloud.values()), None) if isinstance(cloud, dict) else None
        context = settings.get("context") if isinstance(settings, dict) else None
        return (context,) if isinstance(context, str) and context else ()

    def need_sandbox(self) -> SandboxDir:
        if self.sandbox is None:
            raise UserError(f"{self.env} is a real environment: say --sandbox to act on its sandbox")
        return self.sandbox

    def control_plane(self, report: Callable[[str], None]) -> "ControlPlane":
        """Its control plane with all that this needs at hand; not started."""
        from cnai.sandbox.controlplane import ControlPlane

        chosen = tools(report, (*CONTROL_PLANE, *self.controllers))
        return ControlPlane(self.need_sandbox(), chosen, self.contexts)

    @contextmanager
    def session(
        self, report: Callable[[str], None], *, command: str, cluster: bool = True
    ) -> "Generator[Session, None, None]":
        """The engine on this environment. With `cluster`, its control plane runs and no other command has it."""
        from cnai.engine import Session
        from cnai.sandbox.cloud.commands import write_commands
        from cnai.sandbox.cloud.inventory import inventory

        names = (*CONTROL_PLANE, *self.controllers, "pulumi", "helm", "kubectl") if self.sandbox else ("pulumi",)
        chosen = tools(report, names)
        made = inventory(self.sandbox) if self.sandbox else None
        with Session(
            self.env, self.project, chosen, self.sandbox, command=command, exclusive=cluster, inventory=made
        ) as session:
            if self.sandbox and cluster:
                self.control_plane(report).start(report)
                write_commands(self.sandbox)
                if command in SEEDING:
                    self._seed()
            yield session

    def _seed(self) -> None:
        """The nodes that the environment finds there, where it makes none itself."""
        if self.environment.cloud_settings.makes_nodes:
            return
        from cnai.kube import Kube
        from cnai.sandbox.cloud.existing import seed

        seed(Kube.from_kubeconfig(self.need_sandbox().kubeconfig), self.environment)


def tools(report: Callable[[str], None], names: tuple[str, ...]) -> dict[str, Path]:
    from cnai.toolchain import ensure

    return {name: tool.path for name, tool in ensure(names, report).items()}
