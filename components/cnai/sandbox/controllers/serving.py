"""For which kinds a real controller runs in a sandbox: nobody sets the status of all others."""

import json
from typing import Any

from cnai.paths import SandboxDir
from cnai.sandbox.controllers.specs import specs
from cnai.sandbox.controllers.state import states


def serves(dir: SandboxDir, group: str) -> bool:  # noqa: A002
    """Whether the daemon runs a controller for the kinds of an API group, or will once their definitions are there.

    Having been given the controller's program is enough: one that is slow to start, or fails, is waited for, not
    passed over.
    """
    given = _programs(dir)
    return any(spec.tool in given and group in _groups(spec.crds) for spec in specs())


def failures(dir: SandboxDir, group: str) -> list[str]:  # noqa: A002
    """Why a controller for an API group does not run, though it should."""
    names = {spec.name for spec in specs() if group in _groups(spec.crds)}
    failed = [state for state in states(dir) if state.name in names and state.state == "failed"]
    return [f"the {state.name} controller does not run: {state.reason} (its log: {state.log})" for state in failed]


def _groups(crds: tuple[str, ...]) -> set[str]:
    return {crd.partition(".")[2] for crd in crds}


def _programs(dir: SandboxDir) -> set[str]:  # noqa: A002
    """The programs that the daemon was last started with."""
    try:
        settings: dict[str, Any] = json.loads((dir.root / "attendants.settings.json").read_text())
    except FileNotFoundError:
        return set()
    return set(settings["tools"])
