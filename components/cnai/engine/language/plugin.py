"""Runs a policy pack or another Python plugin for the engine, streaming what it writes."""

import os
import queue
import subprocess
import sys
import threading
from collections.abc import Iterator
from pathlib import Path
from typing import IO

import grpc

from cnai.engine.language.protos import language_pb2
from cnai.engine.orphans import leashed

_CHUNK = 65536


def run_plugin(
    request: language_pb2.RunPluginRequest, context: grpc.ServicerContext
) -> Iterator[language_pb2.RunPluginResponse]:
    """What the plugin writes, then its exit status; it ends when the engine ends the call.

    The plugin is its folder's `__main__.py`; a policy pack's serves itself when its `PolicyPack` is made.
    """
    program = Path(request.info.program_directory) / (request.info.entry_point or ".")
    process = subprocess.Popen(
        leashed([sys.executable, "-u", program, *request.args]),
        cwd=request.pwd or None,
        env={**os.environ, **dict(pair.split("=", 1) for pair in request.env)},
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
    )
    context.add_callback(process.kill)
    written: queue.Queue[language_pb2.RunPluginResponse | None] = queue.Queue()
    for name, stream in (("stdout", process.stdout), ("stderr", process.stderr)):
        threading.Thread(target=_pump, args=(stream, name, written), daemon=True).start()
    for _ in range(2):
        yield from iter(written.get, None)
    yield language_pb2.RunPluginResponse(exitcode=process.wait())


def _pump(stream: IO[bytes], name: str, written: "queue.Queue[language_pb2.RunPluginResponse | None]") -> None:
    while chunk := os.read(stream.fileno(), _CHUNK):
        out = name == "stdout"
        written.put(
            language_pb2.RunPluginResponse(stdout=chunk) if out else language_pb2.RunPluginResponse(stderr=chunk)
        )
    written.put(None)
