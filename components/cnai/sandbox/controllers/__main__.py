"""The attendants' daemon: `python -m cnai.sandbox.controllers --dir .cnai/<env>`."""

import argparse
import fcntl
import json
import os
import signal
import sys
import threading
from collections.abc import Callable
from pathlib import Path
from typing import Any

from cnai.files import write_atomically
from cnai.kube import Kube
from cnai.paths import SandboxDir
from cnai.sandbox.controllers import publisher
from cnai.sandbox.controllers.allocator import Allocator
from cnai.sandbox.controllers.groups.following import NodeGroups
from cnai.sandbox.controllers.provisioner import Provisioner
from cnai.sandbox.controllers.reflector import Handler, Kind, Reflector
from cnai.sandbox.controllers.specs import specs
from cnai.sandbox.controllers.supervisor import Supervisor

CRD = ("apiextensions.k8s.io/v1", "CustomResourceDefinition")


class Attendants:
    def __init__(self, dir: SandboxDir, tools: dict[str, Path]) -> None:  # noqa: A002
        self._dir = dir
        self._kube = Kube.from_kubeconfig(dir.kubeconfig)
        self._stopping = threading.Event()
        self._chosen = [spec for spec in specs() if spec.tool in tools]
        self._supervisors = [Supervisor(spec, self._kube, dir, tools[spec.tool]) for spec in self._chosen]
        self._unlisted = {"claims", "services"}
        self._lock = threading.Lock()

    def run(self) -> None:
        """Until SIGTERM or SIGINT."""
        signals = {signal.SIGTERM, signal.SIGINT}
        signal.pthread_sigmask(signal.SIG_BLOCK, signals)
        provisioner, allocator = Provisioner(self._kube), Allocator(self._kube)
        supervising = [_thread(supervisor.run) for supervisor in self._supervisors]
        for supervisor in self._supervisors:
            for crd in supervisor.crds:
                self._follow(Kind(*CRD, f"metadata.name={crd}"), supervisor.crd_changed, supervisor.crds_listed)

        def claims_listed() -> None:
            provisioner.install_class()
            self._listed("claims")

        def services_listed() -> None:
            allocator.listed()
            self._listed("services")

        self._follow(Kind("v1", "PersistentVolumeClaim"), provisioner.claim_changed, claims_listed)
        self._follow(Kind("v1", "PersistentVolume"), provisioner.volume_changed)
        self._follow(Kind("v1", "Service"), allocator.service_changed, services_listed)
        for cloud in {spec.machines for spec in self._chosen if spec.machines}:
            self._follow(publisher.NODES, publisher.Publisher(self._kube, cloud).node_changed)
        NodeGroups(self._kube, self._dir, self._follow, self._stopping).start()
        signal.sigwait(signals)
        self._stopping.set()
        for supervisor in self._supervisors:
            supervisor.stop()
        for thread in supervising:
            thread.join()

    def _follow(self, kind: Kind, handle: Handler, listed: Callable[[], None] = lambda: None) -> None:
        reflector = Reflector(self._kube, kind, handle, self._stopping)
        _thread(lambda: reflector.run(listed))

    def _listed(self, what: str) -> None:
        with self._lock:
            self._unlisted.discard(what)
            if not self._unlisted:
                write_atomically(self._dir.root / "attendants.json", json.dumps({"pid": os.getpid()}))


def _thread(run: Callable[[], None]) -> threading.Thread:
    thread = threading.Thread(target=run, daemon=True)
    thread.start()
    return thread


def main() -> int:
    parser = argparse.ArgumentParser(prog="cnai.sandbox.controllers", description=__doc__)
    parser.add_argument("--dir", type=Path, required=True, help="the environment's folder, .cnai/<env>")
    root: Path = parser.parse_args().dir.absolute()
    os.chdir(root)
    lock = os.open("attendants.lock", os.O_RDWR | os.O_CREAT, 0o600)
    try:
        fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        print("another daemon attends this environment already", file=sys.stderr)
        return 1
    settings: dict[str, Any] = json.loads((root / "attendants.settings.json").read_text())
    tools = {name: Path(path) for name, path in settings["tools"].items()}
    Attendants(SandboxDir(root), tools).run()
    return 0


if __name__ == "__main__":
    sys.exit(main())
