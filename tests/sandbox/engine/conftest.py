"""A small project whose resources are files, driven by the real engine."""

from pathlib import Path

import pytest
import yaml
from engine_project import Project
from objects_shim import with_objects_plugin

from cnai.toolchain import ensure


@pytest.fixture(scope="session")
def pulumi_binary() -> Path:
    return ensure(["pulumi"], print)["pulumi"].path


@pytest.fixture
def project(tmp_path: Path, pulumi_binary: Path, monkeypatch: pytest.MonkeyPatch) -> Project:
    made = Project(tmp_path / "small", pulumi_binary)
    (made.root / "stacks").mkdir(parents=True)
    made.objects.mkdir()
    runtime = {"name": "python", "options": {"toolchain": "pip", "virtualenv": ".venv"}}
    project_file = {"name": "small", "runtime": runtime, "main": "stacks", "stackConfigDir": "stacks"}
    (made.root / "Pulumi.yaml").write_text(yaml.safe_dump(project_file))
    made.config_file.write_text("config: {}\n")
    monkeypatch.setenv("OBJECTS", str(made.objects))
    monkeypatch.setattr("cnai.engine.surroundings.write_shims", with_objects_plugin)
    return made
