"""One real controller as a child process: it runs while its CRDs are there, and its webhooks while it answers."""

import base64
import json
import queue
import signal
import subprocess
import sys
import threading
import time
import urllib.error
import urllib.request
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

import yaml

from cnai.kube import ApiError, Kube, Object
from cnai.paths import SandboxDir
from cnai.sandbox.controllers import webhooks
from cnai.sandbox.controllers.specs import ControllerSpec, built_version, crd_version, filled
from cnai.sandbox.controllers.state import ControllerState, State, forget
from cnai.sandbox.controlplane.ports import free_ports
from cnai.sandbox.controlplane.processes import bare_environment
from cnai.toolchain.wanted import failure, is_wanted

LOADER = getattr(yaml, "CSafeLoader", yaml.SafeLoader)
READY_TIMEOUT_S = 60.0
GRACE_S = 1.0
"""Controllers can be killed at any time; one that is asked takes half a minute to hand over to nobody."""
MAX_DELAY_S = 30.0
LOOK_S = 0.5
"""How often a program that is not there is looked for."""
# On Linux the kernel ends the child with the thread that started it: a killed daemon leaves no controller behind.
BOUND_TO_PARENT = "import ctypes, os, sys; ctypes.CDLL(None).prctl(1, 9); os.execv(sys.argv[1], sys.argv[1:])"


@dataclass(frozen=True)
class Event:
    what: Literal["crds", "exited", "stop"]
    pid: int = 0


class Supervisor:
    """Its `run` is one thread's whole life; everything else only tells that thread what happened."""

    def __init__(self, spec: ControllerSpec, kube: Kube, dir: SandboxDir, binary: Path) -> None:  # noqa: A002
        """`binary` may still be coming: another process makes it meanwhile."""
        self._spec = spec
        self._kube = kube
        self._dir = dir
        self._folder = dir.controllers / spec.name
        self._log = dir.logs / f"{spec.name}.log"
        self._binary = binary
        self._version = self._crd_version = ""
        self._crds: dict[str, Object] = {}
        self._events: queue.Queue[Event] = queue.Queue()
        self._child: subprocess.Popen[bytes] | None = None
        self._delay = 1.0

    @property
    def crds(self) -> tuple[str, ...]:
        return self._spec.crds

    def crd_changed(self, before: Object | None, crd: Object | None) -> None:
        if crd and self._spec.wants(crd):
            self._crds[crd["metadata"]["name"]] = crd
        elif found := crd or before:
            self._crds.pop(found["metadata"]["name"], None)
        self._events.put(Event("crds"))

    def crds_listed(self) -> None:
        """The API server answers (again): time to take away what an earlier daemon left there."""
        self._events.put(Event("crds"))

    def stop(self) -> None:
        self._events.put(Event("stop"))

    def run(self) -> None:
        self._clear()
        timeout = None
        while True:
            try:
                event = self._events.get(timeout=timeout)
            except queue.Empty:
                event = Event("crds")
            if event.what == "stop":
                break
            if event.what == "exited" and (self._child is None or event.pid != self._child.pid):
                continue
            timeout = self._step(exited=event.what == "exited")
        self._end()

    def _step(self, exited: bool) -> float | None:
        """Brings the child in line with the CRDs; gives after how many seconds to try again, None for not at all."""
        wanted = self._crds.keys() >= set(self._spec.crds)
        if exited:
            self._child = None
            self._fail(_last_line(self._log))
            return self._back_off()
        if not wanted:
            self._end()
            return None
        if self._child is not None:
            return None
        if not self._binary.is_file():
            return self._lack()
        return None if self._start() else self._back_off()

    def _lack(self) -> float:
        folder = self._binary.parent.parent
        if is_wanted(folder):
            self._say("waiting", f"its program {self._spec.tool} is still being made")
        else:
            self._say("unavailable", failure(folder) or f"{self._spec.tool} is not there: `cnai up` makes it")
        return LOOK_S

    def _back_off(self) -> float:
        delay, self._delay = self._delay, min(self._delay * 2, MAX_DELAY_S)
        return delay

    def _start(self) -> bool:
        self._version = built_version(self._binary, self._spec.module)
        self._crd_version = crd_version(self._crds[self._spec.crds[0]], self._own_crd(), self._version)
        webhook_port, health_port = free_ports(2, ())
        words = self._spec.words(self._dir, webhook_port, health_port)
        ca = self._prepare(words)
        self._child = child = self._spawn(self._binary, words)
        threading.Thread(target=self._reap, args=(child,), daemon=True).start()
        self._say("starting")
        try:
            self._await(child, health_port)
            webhooks.install(self._kube, self._webhooks(webhook_port, ca))
        except (TimeoutError, ApiError) as error:
            self._end()
            self._fail(f"{error}; {_last_line(self._log)}")
            return False
        self._delay = 1.0
        self._say("ready")
        return True

    def _prepare(self, words: Mapping[str, str]) -> bytes:
        """Writes the files that it is started with; gives the certificate of its webhooks' CA."""
        spec, folder = self._spec, self._folder
        folder.mkdir(parents=True, exist_ok=True)
        if spec.config:
            (folder / "config.yaml").write_text(filled(spec.config.lstrip(), words))
        if spec.machines:
            from cnai.sandbox.controllers import karpenter

            (folder / "machines.json").write_text(json.dumps(karpenter.machine_types(spec.machines)))
        if not spec.certs:
            return b""
        from cnai.sandbox.controllers import certificates  # here, since most sandboxes' daemons start no controller

        return certificates.issue(folder / spec.certs)

    def _spawn(self, binary: Path, words: Mapping[str, str]) -> "subprocess.Popen[bytes]":
        command = [str(binary), *(filled(argument, words) for argument in self._spec.arguments)]
        if sys.platform == "linux":
            command = [sys.executable, "-S", "-E", "-c", BOUND_TO_PARENT, *command]
        own = {name: filled(value, words) for name, value in self._spec.environment.items()}
        environment = bare_environment(TMPDIR=str(self._folder), GOGC="60") | own
        with self._log.open("ab") as log:
            return subprocess.Popen(
                command, env=environment, cwd=self._folder, stdin=subprocess.DEVNULL, stdout=log, stderr=log
            )

    def _reap(self, child: "subprocess.Popen[bytes]") -> None:
        child.wait()
        self._events.put(Event("exited", child.pid))

    def _await(self, child: "subprocess.Popen[bytes]", port: int) -> None:
        deadline = time.monotonic() + READY_TIMEOUT_S
        while not _is_ready(port):
            if child.poll() is not None or time.monotonic() > deadline:
                raise TimeoutError("it ended at once" if child.poll() is not None else "it does not become ready")
            time.sleep(0.1)

    def _webhooks(self, port: int, ca: bytes) -> list[dict[str, Any]]:
        bundle = base64.b64encode(ca).decode()
        return webhooks.rewritten(self._shared("webhooks"), self._spec.name, port, bundle, self._spec.namespaces)

    def _shared(self, kind: str) -> Iterator[dict[str, Any]]:
        """What the tool's module carries beside the binary; nothing where the tool comes from elsewhere."""
        files = sorted((self._binary.resolve().parent / "share" / kind).glob("*.yaml"))
        return (doc for file in files for doc in yaml.load_all(file.read_text(), LOADER) if doc)

    def _end(self) -> None:
        child, self._child = self._child, None
        self._clear()
        if child is None:
            return
        child.send_signal(signal.SIGTERM)
        try:
            child.wait(GRACE_S)
        except subprocess.TimeoutExpired:
            child.kill()
            child.wait()

    def _clear(self) -> None:
        """Takes the webhooks away before the controller that answers them, and what was said of it."""
        try:
            webhooks.remove(self._kube, self._spec.name)
        except ApiError as error:
            print(f"{self._spec.name}: its webhooks stay for now: {error.message}", file=sys.stderr, flush=True)
        forget(self._dir, self._spec.name)

    def _say(self, state: State, reason: str = "") -> None:
        ControllerState(
            name=self._spec.name,
            state=state,
            version=self._version,
            crd_version=self._crd_version,
            pid=self._child.pid if self._child else None,
            log=str(self._log),
            reason=reason,
        ).save(self._dir)

    def _fail(self, reason: str) -> None:
        self._say("failed", reason)

    def _own_crd(self) -> Mapping[str, Any] | None:
        name = self._spec.crds[0]
        return next((crd for crd in self._shared("crds") if crd["metadata"]["name"] == name), None)


def _is_ready(port: int) -> bool:
    try:
        with urllib.request.urlopen(f"http://127.0.0.1:{port}/readyz", timeout=1) as answer:
            return answer.status == 200
    except (OSError, urllib.error.URLError):
        return False


def _last_line(log: Path) -> str:
    lines = [line for line in log.read_text(errors="replace").splitlines() if line.strip()]
    return lines[-1].strip() if lines else "it wrote nothing"
