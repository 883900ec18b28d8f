"""Builds the programs of one Go module, and takes along the data that the module carries."""

import re
import subprocess
import time
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from cnai.errors import FailedError
from cnai.toolchain import share
from cnai.toolchain.golang import Go
from cnai.toolchain.leash import Leash
from cnai.toolchain.progress import Reporter, elapsed, listed
from cnai.toolchain.sources import Source, Tool
from cnai.toolchain.versions import Host

BEAT_S = 30


@dataclass(frozen=True, kw_only=True)
class Build:
    """One `go build` of several tools of one source."""

    source: Source
    tools: Sequence[Tool]
    go: Go
    host: Host
    log: Path
    report: Reporter
    leash: Leash
    descriptors: tuple[int, ...]
    """Lock descriptors that the build keeps: one that outlives us is waited for, not doubled."""

    def into(self, staged: Path) -> None:
        """Leaves `<tool>` for every tool in `staged`; raises `UserError` with the log's path."""
        packages = [self.source.packages[tool.name] for tool in self.tools]
        flags = " ".join(["-s -w", *(self.tools[0].filled(flag, self.host) for flag in self.source.ldflags)])
        command = [str(self.go.path), "build", "-v", "-trimpath", "-ldflags", flags, "-o", f"{staged}/", *packages]
        start = time.monotonic()
        with self.log.open("w", encoding="utf-8") as log:
            log.write(f"# in {self.source.folder}\n# {' '.join(command)}\n")
            log.flush()
            status = self._watched(command, log.fileno(), start)
        if status:
            raise FailedError(
                f"building {self._names} failed after {elapsed(time.monotonic() - start)}: "
                f"{last_line(self.log)}; the full log is in {self.log}"
            )
        for tool, package in zip(self.tools, packages, strict=True):
            (staged / program_name(package)).rename(staged / tool.name)

    def share_into(self, staged: Path) -> None:
        """Copies or renders what `share` names from the module's folder in the Go module cache."""
        if self.source.share:
            share.put(self.source, self._module_folder(), staged)

    @property
    def _names(self) -> str:
        return listed(tool.name for tool in self.tools)

    def _watched(self, command: list[str], log: int, start: float) -> int:
        process = subprocess.Popen(
            command,
            cwd=self.source.folder,
            env=self.go.environment(self.host),
            stdin=subprocess.DEVNULL,
            stdout=log,
            stderr=log,
            pass_fds=self.descriptors,
        )
        self.leash.hold(process)
        try:
            while True:
                try:
                    return process.wait(BEAT_S)
                except subprocess.TimeoutExpired:
                    done = len(self.log.read_text(encoding="utf-8", errors="replace").splitlines()) - 2
                    self.report(f"{self._names}: {done} packages so far, {elapsed(time.monotonic() - start)}")
        finally:
            if process.poll() is None:
                process.terminate()
                process.wait()

    def _module_folder(self) -> Path:
        command = [str(self.go.path), "list", "-m", "-f", "{{.Dir}}", self.source.module]
        environment = self.go.environment(self.host)
        answer = subprocess.run(command, cwd=self.source.folder, env=environment, capture_output=True, text=True)
        folder = Path(answer.stdout.strip())
        if answer.returncode or not folder.is_absolute():
            raise FailedError(f"the folder of {self.source.module} in the Go module cache: {answer.stderr.strip()}")
        return folder


def program_name(package: str) -> str:
    """What `go build` calls a package's program: the last element that is no major version."""
    elements = package.split("/")
    return elements[-2] if re.fullmatch(r"v\d+", elements[-1]) else elements[-1]


def last_line(log: Path) -> str:
    lines = [line.strip() for line in log.read_text(encoding="utf-8", errors="replace").splitlines()]
    return next((line for line in reversed(lines) if line and not line.startswith("#")), "no word of why")
