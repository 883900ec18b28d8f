"""moto's server, seen from outside: started on first use, filled from the records, ended with the sandbox."""

import json
import os
import socket
import sys
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from cnai.errors import FailedError
from cnai.files import write_atomically
from cnai.paths import SandboxDir
from cnai.sandbox.controlplane import processes
from cnai.sandbox.controlplane.crash_reason import crash_reason
from cnai.sandbox.controlplane.locks import locked
from cnai.sandbox.controlplane.ports import free_ports

MODULE = "cnai.sandbox.cloud.moto"
SEED_HEADER = "x-cnai-seed"
MEMORY_BYTES = 1536 * 2**20
"""More than it needs for thousands of resources; what runs away ends there."""
START_S = 30.0


@dataclass(frozen=True)
class Server:
    """Of one environment. Every process that uses it finds the same one."""

    dir: SandboxDir

    @property
    def log(self) -> Path:
        return self.dir.logs / "moto.log"

    @property
    def _file(self) -> Path:
        return self.dir.cloud / "moto.json"

    def alive(self, among: list[processes.Process] | None = None) -> dict[str, int]:
        found = processes.running() if among is None else among
        mark = f" -m {MODULE} --dir {self.dir.root} "
        ours = [process.pid for process in found if mark in process.command]
        return {"moto": ours[0]} if ours else {}

    def ensure(self, fill: Callable[[int], None]) -> int:
        """Its port; it runs, and `fill` has put into it what the records say."""
        with locked(self.dir.cloud / "moto.lock"):
            known = self._read()
            if known.get("filled") and self.alive().get("moto") == known.get("pid"):
                return int(known["port"])
            processes.end(self.alive, 0)
            port = self._start(known.get("port"))
            fill(port)
            self._write(port, filled=True)
            return port

    def end(self, grace_s: float) -> None:
        processes.end(self.alive, grace_s)

    def _start(self, before: int | None) -> int:
        port = before if before and not _listens(before) else free_ports(1, ())[0]
        source = str(Path(__file__).parents[3])
        command = [sys.executable, "-P", "-m", MODULE, "--dir", str(self.dir.root), "--port", str(port)]
        environment = processes.bare_environment(PYTHONPATH=source, MALLOC_ARENA_MAX="1")
        pid = processes.detach(command, environment, self.log)
        deadline = time.monotonic() + START_S
        while not _listens(port):
            if os.waitpid(pid, os.WNOHANG)[0] or time.monotonic() > deadline:
                raise FailedError(f"moto does not come up: {crash_reason(self.log)} (the whole log: {self.log})")
            time.sleep(0.05)
        self._write(port, filled=False)
        return port

    def _read(self) -> dict[str, Any]:
        try:
            return json.loads(self._file.read_text())
        except (FileNotFoundError, ValueError):
            return {}

    def _write(self, port: int, *, filled: bool) -> None:
        known = {"pid": self.alive().get("moto"), "port": port, "filled": filled}
        write_atomically(self._file, json.dumps(known))


def _listens(port: int) -> bool:
    with socket.socket(socket.AF_INET, socket.SOCK_STREAM) as probe:
        probe.settimeout(0.5)
        return probe.connect_ex(("127.0.0.1", port)) == 0
