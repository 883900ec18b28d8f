"""The engine on one environment: preview, up, destroy, refresh, outputs, and the pulumi CLI itself."""

import json
import subprocess
from collections.abc import Callable, Mapping, Sequence
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import yaml

from cnai.engine.errors import EngineError
from cnai.engine.events import Event
from cnai.engine.failures import sentence
from cnai.engine.lock import EnvironmentLock
from cnai.engine.orphans import leashed
from cnai.engine.process import Outcome, call, run
from cnai.engine.surroundings import prepare, real_variables, sandbox_variables
from cnai.errors import UserError
from cnai.paths import SandboxDir

if TYPE_CHECKING:
    from cnai.engine.state import Inventory, StateService
    from cnai.engine.vault import Vault

OnEvent = Callable[[Event], None]
_TAKE_CONFIG_FILE = frozenset({"up", "update", "preview", "pre", "destroy", "refresh", "import", "watch"})


@dataclass(frozen=True)
class Summary:
    """What an operation did, or a preview would do."""

    changes: dict[str, int]
    """Operation (`create`, `same`, `update`, ...) to number of resources."""
    outputs: dict[str, Any]
    """The stack's exports; secrets are masked."""
    duration_s: float


def ignore(event: Event) -> None:
    """For who does not follow the events."""
    del event


class Session:
    """A context that holds the environment's lock and, in a sandbox, serves its state. Raises `Busy` on entry.

    With `sandbox=None` the environment is a real one: the user's login, state, passphrase and plugins are used
    untouched. `tools` needs `pulumi`; the folders of all of them come first on the engine's PATH, so that plugins find
    `helm`. `inventory` knows what was made, also what an interrupted command did not write down.
    """

    def __init__(
        self,
        env: str,
        project: Path,
        tools: Mapping[str, Path],
        sandbox: SandboxDir | None,
        *,
        command: str = "a command",
        exclusive: bool = True,
        inventory: "Inventory | None" = None,
    ) -> None:
        self.project = project.absolute()
        self._stack = env
        self._tools = tools
        self._sandbox = sandbox
        self._lock = EnvironmentLock(sandbox or SandboxDir.of(self.project, env), command) if exclusive else None
        self._inventory = inventory
        self._exit = ExitStack()
        self._service: StateService | None = None
        self._vault: Vault | None = None
        self._variables: dict[str, str] = {}

    @property
    def env(self) -> dict[str, str]:
        """The environment variables that the engine runs with."""
        return dict(self._variables)

    def __enter__(self) -> "Session":
        with ExitStack() as stack:
            if self._lock:
                stack.enter_context(self._lock)
            if self._sandbox:
                self._variables = self._serve(self._sandbox, stack)
            else:
                self._variables = real_variables(self.project, self._tools["pulumi"])
            self._exit = stack.pop_all()
        return self

    def __exit__(self, *exception: object) -> None:
        self._exit.close()

    def _serve(self, sandbox: SandboxDir, stack: ExitStack) -> dict[str, str]:
        # The server's libraries take a while to load; what only needs the names here should not wait for them.
        from cnai.engine.state import StateService, no_inventory
        from cnai.engine.vault import Vault, passphrase

        if self._lock:
            prepare(sandbox)
        path = self.project / ".cnai" / "passphrase"
        self._vault = Vault(passphrase(path))
        inventory = self._inventory or no_inventory
        self._service = stack.enter_context(StateService(state_root(self.project), self._vault, inventory))
        return sandbox_variables(self._stack, sandbox, self._tools, self._service.url, self._service.token, path)

    def preview(self, on_event: OnEvent = ignore) -> Summary:
        """What `up` would do. Raises `EngineError`, as do the others."""
        return self._operate("preview", (), on_event)

    def up(self, on_event: OnEvent = ignore) -> Summary:
        return self._operate("up", ("--yes", "--skip-preview"), on_event)

    def refresh(self, on_event: OnEvent = ignore) -> Summary:
        return self._operate("refresh", ("--yes", "--skip-preview"), on_event)

    def drift(self, on_event: OnEvent = ignore) -> Summary:
        """What `refresh` would find; neither the state nor what exists is changed."""
        return self._operate("refresh", ("--preview-only",), on_event)

    def unprotect(self) -> None:
        """Takes the mark off every resource that the engine refuses to delete for it."""
        self._ensure_stack()
        self._must("state", "unprotect", "--all", "--yes", "--stack", self._stack)

    def destroy(self, on_event: OnEvent = ignore, *, remove: bool = False) -> Summary:
        """Deletes every resource; with `remove` also the stack with its history, but never its config file."""
        summary = self._operate("destroy", ("--yes", "--skip-preview"), on_event)
        if remove and self._service:
            self._service.stacks.delete(self._name, force=False)
        elif remove:
            self._must("stack", "rm", "--yes", "--preserve-config", "--stack", self._stack)
        return summary

    def outputs(self) -> dict[str, Any]:
        """The stack's exports, secrets masked; none where it has never been brought up."""
        if self._service is None:
            return json.loads(self._must("stack", "output", "--json", "--stack", self._stack))
        from cnai.engine.state.outputs import stack_outputs

        self._ensure_stack()
        return stack_outputs(self._service.stacks.export(self._name, self._service.url))

    def pulumi(self, arguments: Sequence[str]) -> int:
        """Runs the pulumi CLI on this terminal; gives its exit status."""
        if arguments[:2] != ["stack", "init"]:
            self._ensure_stack()
        command = [self._tools["pulumi"], *arguments, *self._config_file(arguments)]
        try:
            return call(command, env=self._variables, cwd=self.project, inherit=self._inherited)
        finally:
            self._abandon()

    @property
    def _name(self) -> dict[str, str]:
        from cnai.engine.state.stacks import ORG

        return {"org": ORG, "project": project_name(self.project), "stack": self._stack}

    @property
    def _inherited(self) -> tuple[int, ...]:
        return (self._lock.descriptor,) if self._lock else ()

    def _ensure_stack(self) -> None:
        if self._service and not self._service.stacks.exists(self._name):
            self._service.stacks.create(self._name, {})

    def _abandon(self) -> None:
        if self._service:
            self._service.abandon()

    def _operate(self, operation: str, options: Sequence[str], on_event: OnEvent) -> Summary:
        self._ensure_stack()
        outcome = self._run(operation, options, on_event)
        if self._service is None and outcome.status and "no stack named" in outcome.stderr:
            self._must("stack", "init", self._stack, "--no-select", "--non-interactive")
            outcome = self._run(operation, options, on_event)
        if outcome.interrupted:
            raise KeyboardInterrupt
        if outcome.status:
            raise EngineError(sentence(operation, outcome))
        done = next((event for event in outcome.events if event.kind == "summary"), Event("summary"))
        return Summary(done.changes, self.outputs() if operation in ("up", "refresh") else {}, done.duration_s)

    def _run(self, operation: str, options: Sequence[str], on_event: OnEvent) -> Outcome:
        arguments = [operation, "--stack", self._stack, "--non-interactive", "--color", "never", *options]
        command = [self._tools["pulumi"], *arguments, *self._config_file(arguments)]
        try:
            return run(command, env=self._variables, cwd=self.project, inherit=self._inherited, on_event=on_event)
        finally:
            self._abandon()

    def _config_file(self, arguments: Sequence[str]) -> list[str]:
        if self._sandbox is None or self._vault is None or not _TAKE_CONFIG_FILE & set(arguments):
            return []
        from cnai.engine.stackconfig import readable_config

        folder = self.project / str(project_file(self.project).get("stackConfigDir") or "")
        copy = readable_config(folder / f"Pulumi.{self._stack}.yaml", self._sandbox, self._vault)
        return ["--config-file", str(copy)] if copy else []

    def _must(self, *arguments: str) -> str:
        done = subprocess.run(
            leashed([self._tools["pulumi"], *arguments]),
            env=self._variables,
            cwd=self.project,
            capture_output=True,
            text=True,
            check=False,
        )
        if done.returncode:
            raise EngineError(sentence(f"pulumi {arguments[0]}", Outcome(done.returncode, done.stderr)))
        return done.stdout


def state_root(project: Path) -> Path:
    """Where the sandbox stacks of a project are kept."""
    return project.absolute() / ".cnai" / "state"


def project_file(project: Path) -> dict[str, Any]:
    """`Pulumi.yaml`. Raises `UserError` where it is missing or not a mapping."""
    path = project / "Pulumi.yaml"
    try:
        document: Any = yaml.safe_load(path.read_text("utf-8"))
    except (OSError, yaml.YAMLError) as error:
        raise UserError(f"{path} cannot be read: {' '.join(str(error).split())}") from error
    if not isinstance(document, dict) or not isinstance(document.get("name"), str):
        raise UserError(f"{path}: expected a mapping with a `name:`")
    return document


def project_name(project: Path) -> str:
    return project_file(project)["name"]
