"""kwokctl's cluster folder, and running kwokctl in it."""

import os
import shutil
import subprocess
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import yaml

from cnai.paths import SandboxDir
from cnai.sandbox.controlplane import processes
from cnai.sandbox.controlplane.config import logs_config
from cnai.sandbox.controlplane.ports import PORTS

COMPONENTS = tuple(PORTS)
EPOCH = "1970-01-01T00:00:00.000000000Z"
SIMULATED = (
    "This container is simulated: the sandbox places pods and reports them as running, but runs nothing in them."
)
LOG_LIMIT = 20 * 2**20
"""A component's log is started afresh beyond this many bytes, when the component is."""


@dataclass(frozen=True)
class Cluster:
    """One cluster of kwokctl's: named after its environment, with its data where kwokctl never deletes it."""

    dir: SandboxDir
    kwokctl: Path
    kubectl: Path

    @property
    def folder(self) -> Path:
        return self.dir.kwok / ".kwok/clusters" / self.dir.env

    @property
    def pki(self) -> Path:
        return self.folder / "pki"

    @property
    def exists(self) -> bool:
        return (self.folder / "kwok.yaml").is_file()

    def alive(self, among: list[processes.Process] | None = None) -> dict[str, int]:
        """The pids of running components: kwokctl starts them all through its own links in this folder."""
        found = processes.running() if among is None else among
        starts = {name: f"{self.folder}/bin/{name} " for name in COMPONENTS}
        return {name: process.pid for name, start in starts.items() for process in found if process.is_ours(start)}

    def prepare(self) -> None:
        """Folders for kwokctl to find. It deletes its own when creating fails: the links save data and logs."""
        for link, target in (("etcd", self.dir.kwok / "etcd"), ("logs", self.dir.logs)):
            target.mkdir(parents=True, exist_ok=True, mode=0o700)
            self.folder.mkdir(parents=True, exist_ok=True, mode=0o700)
            if not (self.folder / link).is_symlink():
                (self.folder / link).symlink_to(target)
        self._shorten_logs()

    def _shorten_logs(self) -> None:
        for log in self.dir.logs.glob("*.log"):
            if log.stat().st_size > LOG_LIMIT:
                os.truncate(log, 0)

    def adopt(self) -> dict[str, int]:
        """Makes kwokctl's pid files say what is true, and gives the pids: kwokctl believes a number that runs again."""
        alive = self.alive()
        pids = self.folder / "pids"
        shutil.rmtree(pids, ignore_errors=True)
        pids.mkdir(parents=True)
        for name, pid in alive.items():
            (pids / f"{name}.pid").write_text(str(pid))
        return alive

    def started(self) -> set[str]:
        """The components that kwokctl says it has started."""
        return {file.stem for file in (self.folder / "pids").glob("*.pid")}

    def create(self, config: Mapping[str, Any]) -> "subprocess.Popen[bytes]":
        """Also over the data of an earlier one: what exists is kept."""
        (self.folder / "kwok.yaml").unlink(missing_ok=True)
        file = self.dir.kwok / "kwokctl.yaml"
        words = self.dir.kwok / "simulated.log"
        words.write_text(f"{EPOCH} stdout F {SIMULATED}\n")
        file.write_text(yaml.safe_dump_all([dict(config), logs_config(words)], sort_keys=False))
        # No leases on nodes: a restarted kwok could not touch a node before its own old lease ran out, after 200 s.
        # Nodes report by their status instead. It is a flag, since kwokctl takes a 0 in the file for its default.
        return self._run(
            "create", "cluster", "--config", str(file), "--kubeconfig", "", "--node-lease-duration-seconds", "0"
        )

    def start(self) -> "subprocess.Popen[bytes]":
        return self._run("start", "cluster")

    def _run(self, *arguments: str) -> "subprocess.Popen[bytes]":
        path = os.pathsep.join((str(self.kubectl.parent), os.environ.get("PATH", os.defpath)))
        # Its folder is `.kwok` in this home. KWOK_WORKDIR would be shorter, but is cut off at the path's first blank.
        environment = processes.bare_environment(HOME=str(self.dir.kwok)) | {"PATH": path}
        command = [str(self.kwokctl), *arguments, "--name", self.dir.env]
        with (self.dir.logs / "kwokctl.log").open("ab") as log:
            return subprocess.Popen(
                command, env=environment, stdin=subprocess.DEVNULL, stdout=log, stderr=log, start_new_session=True
            )

    def protect(self) -> None:
        """kwokctl writes the keys readable for everyone; the folder above is ours alone, and so are they."""
        for file in self.pki.iterdir():
            file.chmod(0o600)
