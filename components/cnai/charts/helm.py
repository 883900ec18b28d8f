"""Running Helm: one process per operation, values through standard input, nothing of it outside our own folders."""

import json
import os
import re
import subprocess
import sys
import threading
from collections.abc import Generator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

NOISE = re.compile(r"^(?:[WIE]\d{4} .*|WARNING: .*|.*coalesce\.go.*|.*warning: .*|level=\w+ msg=.*|)$")
PREFIX = re.compile(r"^Error: (?:(?:UPGRADE|INSTALLATION|ROLLBACK|uninstallation) (?:FAILED|completed with .*?): )?")
# On Linux the kernel ends Helm with the thread that started it, so that a killed provider leaves no Helm behind.
BOUND_TO_PARENT = "import ctypes, os, sys; ctypes.CDLL(None).prctl(1, 9); os.execv(sys.argv[1], sys.argv[1:])"
THROTTLE = ("--qps", "500", "--burst-limit", "500")


class HelmError(Exception):
    """Helm refused or failed; the message is Helm's own, without its prefixes."""


class Helm:
    """One binary with its own folders; safe to use from several threads."""

    def __init__(self, binary: Path, home: Path) -> None:
        self._binary, self._home = binary, home
        self._running: set[subprocess.Popen[str]] = set()
        self.cancelled = False
        self._lock = threading.Lock()

    def run(self, *arguments: str, timeout_s: float, values: Mapping[str, Any] | None = None) -> str:
        """Helm's standard output. `values` never touch a disk; after `timeout_s` the process is ended."""
        command = [str(self._binary), *arguments, *(("--values", "-") if values is not None else ())]
        with self._started(command) as process:
            try:
                stdin = None if values is None else json.dumps(values)
                stdout, stderr = process.communicate(stdin, timeout=timeout_s)
            except subprocess.TimeoutExpired as error:
                raise HelmError(f"helm {arguments[0]} did not end within {timeout_s:.0f} s") from error
        if process.returncode:
            raise HelmError(said(stderr) or f"helm {arguments[0]} exited with {process.returncode}")
        return stdout

    def cancel(self) -> None:
        """Asks whatever runs to end; Helm then marks its release as failed."""
        with self._lock:
            self.cancelled = True
            for process in self._running:
                process.terminate()

    @contextmanager
    def _started(self, command: Sequence[str]) -> Generator[subprocess.Popen[str]]:
        bound = (sys.executable, "-I", "-S", "-c", BOUND_TO_PARENT) if sys.platform == "linux" else ()
        pipe = subprocess.PIPE
        process = subprocess.Popen(
            [*bound, *command], stdin=pipe, stdout=pipe, stderr=pipe, text=True, env=self._environment()
        )
        with self._lock:
            self._running.add(process)
        try:
            yield process
        finally:
            with self._lock:
                self._running.discard(process)
            if process.poll() is None:
                process.kill()
                process.wait()

    def _environment(self) -> dict[str, str]:
        kept = {name: value for name, value in os.environ.items() if not name.startswith(("HELM_", "KUBE"))}
        folders = {"CACHE": "cache", "CONFIG": "config", "DATA": "data"}
        homes = {f"HELM_{name}_HOME": str(self._home / folder) for name, folder in folders.items()}
        return kept | homes | {"HELM_DRIVER": "secret", "KUBECACHEDIR": str(self._home / "discovery")}


def said(stderr: str) -> str:
    """What Helm says about the failure, without warnings that are no part of it."""
    lines = [line.rstrip() for line in stderr.splitlines()]
    return "\n".join(PREFIX.sub("", line) for line in lines if not NOISE.match(line)).strip()
