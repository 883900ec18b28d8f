"""The plugin's life as a process: it starts with the engine, says its port, and never outlives the engine."""

import ctypes
import logging
import os
import signal
import sys
import threading
import time
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import grpc
from pulumi.runtime.proto import provider_pb2_grpc

WORKERS = 256
"""Each resource that waits holds one; they sleep most of the time."""
UNLIMITED = [("grpc.max_receive_message_length", -1), ("grpc.max_send_message_length", -1), ("grpc.so_reuseport", 0)]
PR_SET_PDEATHSIG = 1
POLL_S = 1.0


def serve(make: Callable[[str | None], provider_pb2_grpc.ResourceProviderServicer], arguments: Sequence[str]) -> None:
    """Serves what `make` gives for the engine's address until the engine ends this process or dies itself."""
    engine_address = next((argument for argument in arguments if not argument.startswith("-")), None)
    die_with_parent()
    _log_to_file()
    # The engine starts plugins in their own process groups: an interrupt is its way of saying that it is done.
    signal.signal(signal.SIGINT, lambda signum, frame: os._exit(0))
    server = grpc.server(ThreadPoolExecutor(WORKERS), options=UNLIMITED)
    provider_pb2_grpc.add_ResourceProviderServicer_to_server(make(engine_address), server)
    port = server.add_insecure_port("127.0.0.1:0")
    server.start()
    sys.stdout.write(f"{port}\n")
    sys.stdout.flush()
    server.wait_for_termination()


def die_with_parent() -> None:
    """A kernel signal where there is one; looking for the parent's id everywhere, which also covers its loss."""
    parent = os.getppid()
    signal.signal(signal.SIGHUP, lambda signum, frame: _leave_if_orphaned(parent))
    if sys.platform == "linux":
        ctypes.CDLL(None, use_errno=True).prctl(PR_SET_PDEATHSIG, signal.SIGHUP)
    threading.Thread(target=_watch, args=(parent,), name="parent", daemon=True).start()


def _watch(parent: int) -> None:
    while True:
        _leave_if_orphaned(parent)
        time.sleep(POLL_S)


def _leave_if_orphaned(parent: int) -> None:
    if os.getppid() != parent:
        os._exit(1)


def _log_to_file() -> None:
    """Tracebacks belong in a log: what a plugin writes to standard error, the engine shows to the user."""
    root = os.environ.get("CNAI_SANDBOX_DIR")
    if not root:
        logging.basicConfig(level=logging.WARNING)
        return
    logs = Path(root) / "logs"
    logs.mkdir(parents=True, exist_ok=True)
    logging.basicConfig(
        filename=logs / "provider.log", level=logging.WARNING, format="%(asctime)s %(levelname)s %(name)s %(message)s"
    )
