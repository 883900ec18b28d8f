"""A small project whose resources are files (`objects_plugin.py`), driven by the real engine."""

import json
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from cnai.engine import Session
from cnai.engine.state import Inventory
from cnai.paths import SandboxDir

PRELUDE = """
import pulumi

class Thing(pulumi.CustomResource):
    def __init__(self, name, opts=None, kind="core/v1:ConfigMap", called=None, **props):
        metadata = {"name": called or name, "namespace": "default"}
        super().__init__(f"kubernetes:{kind}", name, {"metadata": metadata, **props}, opts)

def after(*resources, **options):
    return pulumi.ResourceOptions(depends_on=list(resources), **options)
"""


@dataclass
class Project:
    """A project `small` with the environment `local`."""

    root: Path
    pulumi: Path

    @property
    def sandbox(self) -> SandboxDir:
        return SandboxDir.of(self.root, "local")

    @property
    def objects(self) -> Path:
        return self.root / "objects"

    @property
    def existing(self) -> set[str]:
        return {path.name.split(".")[1] for path in self.objects.glob("*.json")}

    @property
    def stack(self) -> Path:
        return self.root / ".cnai" / "state" / "sandbox" / "small" / "local"

    @property
    def config_file(self) -> Path:
        return self.root / "stacks" / "Pulumi.local.yaml"

    def program(self, text: str) -> None:
        (self.root / "stacks" / "__main__.py").write_text(PRELUDE + text)

    def checkpoint(self) -> dict[str, Any]:
        return json.loads((self.stack / "checkpoint.json").read_text())["deployment"]

    def session(self, command: str = "test", inventory: Inventory | None = None) -> Session:
        tools = {"pulumi": self.pulumi}
        return Session("local", self.root, tools, self.sandbox, command=command, inventory=inventory)


def until(condition: Callable[[], bool], what: str, seconds: float = 60) -> None:
    """Waits for what another process does."""
    give_up = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < give_up, f"waited {seconds} s for {what}"
        time.sleep(0.02)
