"""The real engine, with our plugin on its PATH and the shared control plane under it."""

import os
import sys
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest
from pulumi import automation

from cnai.kube import Kube
from cnai.sandbox.controlplane import ControlPlane
from cnai.toolchain import ensure

Program = Callable[[], Any]
SHIM = '#!/bin/sh\nexec "{python}" -m cnai.sandbox.provider "$@"\n'


@dataclass
class Stack:
    """One stack whose program a test changes as it goes."""

    inner: automation.Stack
    backend: Path
    events: list[automation.EngineEvent] = field(default_factory=list)

    def up(self, program: Program, **options: Any) -> dict[str, int]:
        """How many resources were created, updated, replaced, …"""
        self.inner.workspace.program = program
        self.events.clear()
        return dict(self.inner.up(on_event=self.events.append, **options).summary.resource_changes or {})

    def preview(self, program: Program) -> dict[str, int]:
        self.inner.workspace.program = program
        return {str(op): count for op, count in self.inner.preview().change_summary.items()}

    def failing(self, program: Program, **options: Any) -> str:
        """What the user reads when an update fails."""
        with pytest.raises(automation.CommandError) as failure:
            self.up(program, **options)
        return str(failure.value)

    def written(self) -> str:
        """All that the backend keeps, as it lies on disk."""
        return "".join(path.read_text() for path in self.backend.rglob("*.json"))

    def resources(self) -> dict[str, dict[str, Any]]:
        """The state with its secrets in clear text, by the resources' names."""
        deployment = self.inner.export_stack().deployment or {}
        return {entry["urn"].rpartition("::")[2]: entry for entry in deployment.get("resources", [])}


@pytest.fixture(scope="session")
def engine_path(tmp_path_factory: pytest.TempPathFactory) -> str:
    """A PATH with the engine, helm and the plugin's shim first."""
    plugins = tmp_path_factory.mktemp("plugins")
    shim = plugins / "pulumi-resource-kubernetes"
    shim.write_text(SHIM.format(python=sys.executable))
    shim.chmod(0o755)
    tools = ensure(("pulumi", "helm"), print)
    return os.pathsep.join([str(plugins), *(str(tool.path.parent) for tool in tools.values()), os.environ["PATH"]])


@pytest.fixture
def stack(
    tmp_path: Path, engine_path: str, control_plane: ControlPlane, kube: Kube, monkeypatch: pytest.MonkeyPatch
) -> Iterator[Stack]:
    """A fresh stack; what a test leaves in it is destroyed, and the state with it."""
    (tmp_path / "state").mkdir()
    env = {
        "PATH": engine_path,
        "PULUMI_HOME": str(tmp_path / "home"),
        "PULUMI_BACKEND_URL": f"file://{tmp_path / 'state'}",
        "PULUMI_CONFIG_PASSPHRASE": "test",
        "PULUMI_SKIP_UPDATE_CHECK": "true",
        "PULUMI_DISABLE_AUTOMATIC_PLUGIN_ACQUISITION": "true",
        "KUBECONFIG": str(control_plane.kubeconfig),
        "CNAI_SANDBOX_DIR": str(tmp_path / "sandbox"),
        "CNAI_CACHE": str(tmp_path / "cache"),
    }
    for key, value in env.items():
        monkeypatch.setenv(key, value)
    made = automation.create_stack(stack_name="test", project_name="provider", program=lambda: None)
    yield Stack(made, tmp_path / "state")
    made.destroy()
