"""What a command acts on: an environment of this project, in its sandbox or for real."""

from collections.abc import Callable, Generator, Mapping
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
ENGINE = ("pulumi", "helm", "kubectl")

INSTALLING = frozenset({"up", "destroy", "pulumi"})
"""Commands that need the controllers of what is installed, to bring up or clean up."""
SEEDING = frozenset({"up", "preview", "refresh"})
"""Commands that expect what an existing cluster has."""

EnvArgument = Annotated[str, typer.Argument(metavar="ENV", help="The environment: stacks/Pulumi.ENV.yaml.")]
EnvOption = Annotated[str, typer.Option("--env", "-e", metavar="ENV", help="The environment: stacks/Pulumi.ENV.yaml.")]
SandboxFlag = Annotated[bool, typer.Option("--sandbox", help="Run it here, simulated, instead of for real.")]
YesFlag = Annotated[bool, typer.Option("--yes", "-y", help="Do not ask for confirmation.")]
JsonFlag = Annotated[bool, typer.Option("--json", help="One JSON document on standard output.")]


@dataclass(frozen=True)
class Target:
    """An environment of a project; `sandbox` is None for the real environment."""

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
        """Validated; raises `UserError` with one line per error."""
        from cnai.environment import Environment

        return Environment.load(self.env, read_stack_config(self.project, self.env))

    @cached_property
    def controllers(self) -> tuple[str, ...]:
        """The tools that run what the environment installs, and those that ran here before, for cleaning up."""
        from cnai.sandbox.controllers.chosen import controllers_of
        from cnai.sandbox.controllers.specs import specs

        try:
            wanted = controllers_of(self.environment)
        except UserError:  # as before the stack file was broken: commands that read it say so themselves
            wanted = ()
        before = (spec.tool for spec in specs() if (self.need_sandbox().controllers / spec.name).is_dir())
        return tuple(dict.fromkeys([*wanted, *before]))

    @property
    def contexts(self) -> tuple[str, ...]:
        """The context of an existing cluster in the stack file: in its sandbox, the control plane."""
        cloud = read_stack_config(self.project, self.env).get("cnai:cloud")
        settings = next(iter(cloud.values()), None) if isinstance(cloud, dict) else None
        context = settings.get("context") if isinstance(settings, dict) else None
        return (context,) if isinstance(context, str) and context else ()

    def install(self) -> None:
        """Installs the Python packages its cloud needs, if missing."""
        from cnai.cli.installing import provide_for

        provide_for(self.project, self.env, simulated=self.sandbox is not None)

    def need_sandbox(self) -> SandboxDir:
        if self.sandbox is None:
            raise UserError(f"{self.env} is a real environment: pass --sandbox to act on its sandbox")
        return self.sandbox

    def control_plane(self, tools: Mapping[str, Path] | None = None) -> "ControlPlane":
        """Its control plane, not started; `tools` are needed only for that."""
        from cnai.sandbox.controlplane import ControlPlane

        return ControlPlane(self.need_sandbox(), tools or {}, self.contexts)

    def start(self, report: Callable[[str], None]) -> "ControlPlane":
        """Its control plane, running; its controllers' programs are there too."""
        from cnai.toolchain import Making

        names = (*CONTROL_PLANE, *self.controllers)
        with Making(names, report) as making:
            making.need(CONTROL_PLANE)
            plane = self.control_plane(making.paths(names))
            plane.start(report)
        return plane

    @contextmanager
    def session(
        self, report: Callable[[str], None], *, command: str, cluster: bool = True
    ) -> "Generator[Session, None, None]":
        """The engine on this environment. With `cluster`, its control plane runs and no other command has it."""
        from cnai.toolchain import Making

        self.install()
        attended = self.sandbox if cluster else None
        engine = ENGINE if self.sandbox else ("pulumi",)
        needed = (*CONTROL_PLANE, *engine) if attended else engine
        controllers = self.controllers if attended else ()
        # In the order in which they are needed.
        making = Making((*needed, *(controllers if command in INSTALLING else ())), report)
        paths = making.paths(needed)
        with self._session(paths, command, cluster) as session, making:
            if attended:
                making.need(CONTROL_PLANE)
                # The same tools whatever the command: the daemon restarts if they change.
                self._attended(attended, making.paths((*CONTROL_PLANE, *controllers)), report, command)
            making.need(engine)
            yield session

    def _session(self, paths: Mapping[str, Path], command: str, exclusive: bool) -> "Session":
        from cnai.engine import Session
        from cnai.sandbox.cloud.inventory import inventory

        made = inventory(self.sandbox) if self.sandbox else None
        return Session(
            self.env, self.project, paths, self.sandbox, command=command, exclusive=exclusive, inventory=made
        )

    def _attended(
        self, sandbox: SandboxDir, paths: Mapping[str, Path], report: Callable[[str], None], command: str
    ) -> None:
        """Its control plane is running, and has what a command expects there."""
        from cnai.sandbox.cloud.commands import write_commands

        self.control_plane(paths).start(report)
        write_commands(sandbox)
        if command in SEEDING:
            self._seed()

    def _seed(self) -> None:
        """The nodes the environment finds there, if it creates none itself."""
        if self.environment.cloud_settings.makes_nodes:
            return
        from cnai.kube import Kube
        from cnai.sandbox.cloud.existing import seed

        seed(Kube.from_kubeconfig(self.need_sandbox().kubeconfig), self.environment)


def tools(report: Callable[[str], None], names: tuple[str, ...]) -> dict[str, Path]:
    from cnai.toolchain import ensure

    return {name: tool.path for name, tool in ensure(names, report).items()}
