"""Starting, repairing, stopping and deleting one environment's control plane."""

import contextlib
import shutil
import subprocess
import sys
import time
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any

from cnai.errors import FailedError, UserError
from cnai.files import write_atomically
from cnai.paths import SandboxDir
from cnai.sandbox.controlplane import api, ports, processes
from cnai.sandbox.controlplane.attendants import Attendants
from cnai.sandbox.controlplane.config import TOOLS, fingerprint, kubeconfig, kwokctl_config
from cnai.sandbox.controlplane.crash_reason import crash_reason
from cnai.sandbox.controlplane.kwokctl import COMPONENTS, Cluster
from cnai.sandbox.controlplane.locks import locked
from cnai.sandbox.controlplane.moto import Server
from cnai.sandbox.controlplane.state import PlaneState
from cnai.sandbox.controlplane.status import ProcessStatus, Status, decide

Reporter = Callable[[str], None]
START_TIMEOUT_S = 120.0
STOP_GRACE_S = 3.0
"""All but etcd can be killed at any time."""
ETCD_GRACE_S = 10.0
DEFAULT_ACCOUNT = "/api/v1/namespaces/default/serviceaccounts/default"
"""kube-controller-manager makes it: once it is there, pods can be created."""


class ControlPlane:
    """What runs for one environment. It outlives this process; any process with the same folder can take it over."""

    def __init__(self, dir: SandboxDir, tools: Mapping[str, Path], contexts: Sequence[str] = ()) -> None:  # noqa: A002
        """`tools` by name, needed for starting only; `contexts`: more names for it in the kubeconfig."""
        beside = Path(sys.executable).parent / "kubectl"
        self.dir = SandboxDir(dir.root.absolute())
        self._tools = {"kubectl": beside} | {name: Path(path) for name, path in tools.items()}
        self._cluster = Cluster(self.dir, self._tools.get("kwokctl", Path("kwokctl")), self._tools["kubectl"])
        self._attendants = Attendants(self.dir)
        self._moto = Server(self.dir)
        self._contexts = tuple(contexts)

    @property
    def kubeconfig(self) -> Path:
        return self.dir.kubeconfig

    @property
    def context(self) -> str:
        return f"cnai-{self.dir.env}"

    def status(self) -> Status:
        record = PlaneState.load(self.dir.root)
        found = processes.running()
        alive = self._cluster.alive(found) | self._attendants.alive(found)
        expected = {name: alive.get(name) for name in (*COMPONENTS, "attendants")}
        state = decide(
            bool(record.fingerprint), {n: pid is not None for n, pid in expected.items()}, self._ready(record)
        )
        if state == "absent":
            return Status("absent")
        shown = expected | self._attendants.controllers(found) | self._moto.alive(found)
        rows = (ProcessStatus(name, pid, processes.memory_mib(pid) if pid else 0) for name, pid in shown.items())
        return Status(state, tuple(rows), _url(record))

    def start(self, report: Reporter) -> None:
        """Starts it, or repairs just what is dead; the same ports and data as before. Fast where all is well."""
        with self._locked():
            record = PlaneState.load(self.dir.root)
            if self.status().state == "running" and self._is_current(record):
                return
            deadline = time.monotonic() + START_TIMEOUT_S
            record = self._bring_up(record, report, deadline)
            self._attend(record, deadline)

    def stop(self) -> None:
        """Ends every process; objects and ports are kept."""
        if self.dir.root.is_dir():
            with self._locked():
                self._end(STOP_GRACE_S)

    def delete(self) -> None:
        """Ends every process and removes the environment's folder."""
        if self.dir.root.is_dir():
            with self._locked():
                self._end(0)
                shutil.rmtree(self.dir.root)

    def _is_current(self, record: PlaneState) -> bool:
        config = self._config(record.ports)
        settings = self._attendants.settings(self._tools, record.fingerprint)
        return (
            fingerprint(config) == record.fingerprint
            and self._attendants.match(settings)
            and self._has_kubeconfig(record)
        )

    def _has_kubeconfig(self, record: PlaneState) -> bool:
        wanted = kubeconfig(self.context, _url(record), self._cluster.pki, self._contexts)
        return self.kubeconfig.is_file() and self.kubeconfig.read_bytes() == wanted.encode()

    def _config(self, chosen: Mapping[str, int]) -> dict[str, Any]:
        if missing := [name for name in TOOLS if name not in self._tools]:
            raise UserError(f"the control plane needs {', '.join(missing)}: see `cnai doctor` for how to get them")
        return kwokctl_config(self._cluster.folder, chosen, self._tools)

    def _bring_up(self, record: PlaneState, report: Reporter, deadline: float) -> PlaneState:
        alive = self._cluster.adopt() if self._cluster.exists else self._cluster.alive()
        config, record = self._settle(record, set(alive), report)
        self._cluster.prepare()
        if self._cluster.exists and fingerprint(config) == record.fingerprint:
            dead = [name for name in COMPONENTS if name not in alive]
            if dead:
                report(f"starting {', '.join(dead)}")
            self._await(self._cluster.start(), record, deadline)
        else:
            report(f"starting a control plane at {_url(record)}")
            self._end(STOP_GRACE_S)
            self._cluster.adopt()
            self._await(self._cluster.create(config), record, deadline)
            record = PlaneState(record.ports, fingerprint(config))
        self._cluster.protect()
        write_atomically(self.kubeconfig, kubeconfig(self.context, _url(record), self._cluster.pki, self._contexts))
        record.save(self.dir.root)
        return record

    def _settle(self, record: PlaneState, alive: set[str], report: Reporter) -> tuple[dict[str, Any], PlaneState]:
        """The configuration to run with. Ports are saved before anything listens there, so that a crash keeps them."""
        chosen, lost = ports.settled(record.ports, alive, ports.of_neighbours(self.dir.root))
        if lost:
            taken = ", ".join(map(str, lost))
            report(
                f"another program took port {taken} of 127.0.0.1 while {self.dir.env} was stopped: moving to a free one"
            )
        settled = PlaneState(chosen, record.fingerprint)
        settled.save(self.dir.root)
        return self._config(chosen), settled

    def _await(self, kwokctl: "subprocess.Popen[bytes]", record: PlaneState, deadline: float) -> None:
        """Until the API server is ready; or tells which component ended, in its log's last words."""
        missed: set[str] = set()
        try:
            while True:
                done = kwokctl.poll()
                if done == 0 and self._ready(record):
                    return
                if done:
                    raise FailedError(f"kwokctl failed: {crash_reason(self.dir.logs / 'kwokctl.log')}")
                dead = self._cluster.started() - self._cluster.alive().keys()
                if ended := dead & missed:
                    raise FailedError(self._post_mortem(ended.pop()))
                missed = dead
                if time.monotonic() > deadline:
                    raise FailedError(f"the API server is not ready after {START_TIMEOUT_S:.0f} s: see {self.dir.logs}")
                time.sleep(0.1)
        finally:
            if kwokctl.poll() is None:
                kwokctl.terminate()
                kwokctl.wait()

    def _post_mortem(self, component: str) -> str:
        log = self.dir.logs / f"{component}.log"
        return f"{component} ended at once: {crash_reason(log)} (the whole log: {log})"

    def _attend(self, record: PlaneState, deadline: float) -> None:
        settings = self._attendants.settings(self._tools, record.fingerprint)
        alive = self._attendants.alive()
        if not alive or not self._attendants.match(settings):
            self._attendants.end(STOP_GRACE_S)
            self._attendants.start(settings)
        while True:
            alive = self._attendants.alive()
            attended = bool(alive) and self._attendants.ready(alive["attendants"])
            if attended and self._ready(record, DEFAULT_ACCOUNT):
                return
            if time.monotonic() > deadline:
                log = self._attendants.log
                raise FailedError(
                    f"the sandbox's attendants do not come up: {crash_reason(log)} (the whole log: {log})"
                )
            time.sleep(0.05)

    def _end(self, grace_s: float) -> None:
        """The attendants early, while there is an API server to take their webhooks from; etcd last."""
        self._moto.end(grace_s)
        self._attendants.end(grace_s)
        clients = [name for name in COMPONENTS if name not in ("etcd", "kube-apiserver")]
        for group, patience in ((clients, 1), (["kube-apiserver"], 1), (["etcd"], ETCD_GRACE_S / STOP_GRACE_S)):
            processes.end(
                lambda group=group: {n: p for n, p in self._cluster.alive().items() if n in group}, grace_s * patience
            )

    def _ready(self, record: PlaneState, path: str = "/readyz") -> bool:
        port = record.ports.get("kubeApiserverPort")
        return port is not None and api.answers(port, self._cluster.pki, path)

    def _locked(self) -> contextlib.AbstractContextManager[None]:
        """One at a time: a second start waits for the first and then finds all well."""
        return locked(self.dir.root / "controlplane.lock")


def _url(record: PlaneState) -> str:
    return f"https://127.0.0.1:{record.ports.get('kubeApiserverPort', 0)}"
