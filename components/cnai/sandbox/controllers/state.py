"""What the daemon says about each real controller, in a file that any process can read."""

import json
import time
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any, Literal

from cnai.errors import UserError
from cnai.files import write_atomically
from cnai.paths import SandboxDir
from cnai.sandbox.controlplane.processes import running

State = Literal["waiting", "unavailable", "starting", "ready", "failed"]
"""`waiting`: its program is still being made; `unavailable`: it is not there, and nobody makes it."""


class Unavailable(UserError):
    """A controller that cannot run here, since its program could not be made."""


@dataclass(frozen=True, kw_only=True)
class ControllerState:
    name: str
    state: State
    version: str = ""
    """Of the controller; empty where its binary does not tell."""
    crd_version: str = ""
    """Of the CRDs that it works on; empty where they neither tell nor are the controller's own."""
    pid: int | None = None
    log: str = ""
    reason: str = ""
    """Why it failed: the last line of its log."""

    def save(self, dir: SandboxDir) -> None:  # noqa: A002
        dir.controllers.mkdir(parents=True, exist_ok=True)
        write_atomically(_file(dir, self.name), json.dumps(asdict(self)))


def load(dir: SandboxDir, name: str) -> ControllerState | None:  # noqa: A002
    """None where the controller neither runs nor should, since its CRDs are not there."""
    try:
        found: dict[str, Any] = json.loads(_file(dir, name).read_text())
    except FileNotFoundError:
        return None
    return ControllerState(**found)


def forget(dir: SandboxDir, name: str) -> None:  # noqa: A002
    _file(dir, name).unlink(missing_ok=True)


def chosen_tools(dir: SandboxDir) -> frozenset[str]:  # noqa: A002
    """The tools of the controllers that were chosen for this environment; none where nothing attends it."""
    try:
        settings: dict[str, Any] = json.loads((dir.root / "attendants.settings.json").read_text())
    except FileNotFoundError:
        return frozenset()
    return frozenset(settings["tools"])


def states(dir: SandboxDir) -> list[ControllerState]:  # noqa: A002
    """Of the controllers that run or should."""
    found = (load(dir, file.stem) for file in sorted(dir.controllers.glob("*.json")))
    return [state for state in found if state]


def wait_ready(dir: SandboxDir, name: str, timeout_s: float) -> ControllerState:  # noqa: A002
    """Waits until the controller's webhooks are in force; raises `UserError` with its last words when time is up.

    The time in which its program is still being made does not count. `Unavailable` where nobody makes it.
    """
    deadline = time.monotonic() + timeout_s
    while True:
        found = load(dir, name)
        if found and found.state == "ready" and any(process.pid == found.pid for process in running()):
            return found
        if found and found.state == "unavailable":
            raise Unavailable(found.reason)
        if found and found.state == "waiting":
            deadline = time.monotonic() + timeout_s
        if time.monotonic() > deadline:
            raise UserError(_complaint(dir, name, found, timeout_s))
        time.sleep(0.1)


def _complaint(dir: SandboxDir, name: str, found: ControllerState | None, timeout_s: float) -> str:  # noqa: A002
    if not found:
        return f"the {name} controller did not start within {timeout_s:.0f} s: are its CRDs installed?"
    reason = f": {found.reason}" if found.reason else ""
    return f"the {name} controller was not ready within {timeout_s:.0f} s{reason} (its log: {found.log})"


def _file(dir: SandboxDir, name: str) -> Path:  # noqa: A002
    return dir.controllers / f"{name}.json"
