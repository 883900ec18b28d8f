"""The attendants' daemon, seen from the control plane: started, looked for and ended here."""

import json
import sys
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from cnai._version import __version__
from cnai.files import write_atomically
from cnai.paths import SandboxDir
from cnai.sandbox.controlplane import processes
from cnai.sandbox.controlplane.config import TOOLS

MODULE = "cnai.sandbox.controllers"


@dataclass(frozen=True)
class Attendants:
    dir: SandboxDir

    @property
    def log(self) -> Path:
        return self.dir.logs / "attendants.log"

    def alive(self, among: list[processes.Process] | None = None) -> dict[str, int]:
        found = processes.running() if among is None else among
        ours = [p.pid for p in found if p.command.endswith(f" -m {MODULE} --dir {self.dir.root}")]
        return {"attendants": ours[0]} if ours else {}

    def controllers(self, among: list[processes.Process] | None = None) -> dict[str, int]:
        """The real controllers that run: each is started with a file in its folder, of this environment's."""
        found = processes.running() if among is None else among
        marks = {folder.name: f"={folder}/" for folder in self.dir.controllers.glob("*/")}
        return {name: p.pid for name, mark in marks.items() for p in found if mark in p.command}

    def settings(self, tools: Mapping[str, Path], fingerprint: str) -> str:
        """What they are to be started with: their tools, the control plane that they attend, and their own release."""
        named = {name: str(path) for name, path in tools.items() if name not in TOOLS}
        return json.dumps({"cnai": __version__, "controlplane": fingerprint, "tools": named}, sort_keys=True)

    def start(self, settings: str) -> None:
        (self.dir.root / "attendants.json").unlink(missing_ok=True)
        write_atomically(self.dir.root / "attendants.settings.json", settings)
        source = str(Path(__file__).parents[3])
        command = [sys.executable, "-m", MODULE, "--dir", str(self.dir.root)]
        # One arena for all threads: glibc would keep what each of them once needed.
        environment = processes.bare_environment(PYTHONPATH=source, MALLOC_ARENA_MAX="1")
        processes.detach(command, environment, self.log)

    def match(self, settings: str) -> bool:
        """Whether they were last started with these settings."""
        file = self.dir.root / "attendants.settings.json"
        return file.is_file() and file.read_text() == settings

    def ready(self, pid: int) -> bool:
        try:
            found: dict[str, Any] = json.loads((self.dir.root / "attendants.json").read_text())
        except (OSError, ValueError):
            return False
        return found.get("pid") == pid

    def end(self, grace_s: float) -> None:
        """The daemon takes its controllers along; those that a killed one left behind are ended too."""
        processes.end(self.alive, grace_s)
        processes.end(self.controllers, grace_s)
