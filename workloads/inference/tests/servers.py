"""Servers for tests: one in this process, whose engine can be held still, or one of its own."""

import asyncio
import contextlib
import os
import socket
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path

import httpx
import uvicorn
from cnai_inference.config import ServeOptions
from cnai_inference.http.protocol import impatient
from cnai_inference.http.service import Service
from cnai_inference.serving import build

SOURCE = Path(__file__).parents[1] / "src"


@dataclass
class Running:
    url: str
    service: Service
    permits: threading.Semaphore = field(default_factory=lambda: threading.Semaphore(0))

    def hold(self) -> None:
        """From now on every step needs a permit."""
        batch = self.service.engine._batch
        step = batch.step

        def held():
            self.permits.acquire()
            return step()

        batch.step = held

    def let_go(self) -> None:
        self.permits.release(100_000)

    def until(self, condition) -> None:
        until(lambda: condition(self.service))

    @property
    def metrics(self) -> str:
        return httpx.get(f"{self.url}/metrics").text


def until(condition, timeout_s: float = 60.0) -> None:
    deadline = time.monotonic() + timeout_s
    while not condition():
        assert time.monotonic() < deadline, "it did not come to that"
        time.sleep(0.02)


@contextlib.contextmanager
def running(model: Path, **changed) -> Iterator[Running]:
    options = ServeOptions(model=str(model), name="tiny", **{"engine": "batching", "threads": 1} | changed)
    app, service = build(options)
    config = uvicorn.Config(app, port=0, http=impatient(options.stall_s), ws="none", log_config=None)
    server = uvicorn.Server(config)
    listener = socket.create_server(("127.0.0.1", 0))
    thread = threading.Thread(target=lambda: asyncio.run(server.serve([listener])))
    thread.start()
    until(lambda: server.started)
    one = Running(f"http://127.0.0.1:{listener.getsockname()[1]}", service)
    try:
        yield one
    finally:
        one.let_go()
        server.should_exit = True
        thread.join()


@contextlib.contextmanager
def process(model: Path, log: Path, *flags: str, environment: dict[str, str] | None = None):
    with socket.create_server(("127.0.0.1", 0)) as free:
        port = free.getsockname()[1]
    command = [sys.executable, "-m", "cnai_inference", "serve", "--model", str(model), "--name", "tiny"]
    with log.open("wb") as output:
        child = subprocess.Popen(
            [*command, "--engine", "batching", "--threads", "1", "--port", str(port), *flags],
            stdout=output,
            stderr=subprocess.STDOUT,
            env={**os.environ, "PYTHONPATH": str(SOURCE), **(environment or {})},
        )
        try:
            url = f"http://127.0.0.1:{port}"
            until(lambda: answers(f"{url}/readyz") or child.poll() is not None, 240)
            assert child.poll() is None, log.read_text()
            yield url, child
        finally:
            child.kill()
            child.wait()


def answers(url: str) -> bool:
    try:
        return httpx.get(url).status_code == 200
    except httpx.TransportError:
        return False
