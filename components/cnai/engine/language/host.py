"""The language host's gRPC service (`pulumirpc.LanguageRuntime`)."""

# ruff: noqa: N802 - the methods are named by the engine's protocol

import json
import os
import platform
import signal
import subprocess
import sys
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from importlib import metadata
from typing import Any

import grpc
from google.protobuf.empty_pb2 import Empty

from cnai.engine.language.exits import REPORTED
from cnai.engine.language.plugin import run_plugin
from cnai.engine.language.protos import language_pb2, language_pb2_grpc, plugin_pb2
from cnai.engine.language.spare import Spare
from cnai.engine.orphans import die_with_parent

Context = grpc.ServicerContext
_UNLIMITED = [("grpc.max_receive_message_length", -1), ("grpc.max_send_message_length", -1), ("grpc.so_reuseport", 0)]


class Host(language_pb2_grpc.LanguageRuntimeServicer):
    """Dependencies are this Python's own: there is nothing to find, and nothing to install."""

    def __init__(self, engine_address: str, spare: Spare) -> None:
        self._engine = engine_address
        self._spare = spare
        self._running: set[subprocess.Popen[bytes]] = set()

    def Handshake(
        self, request: language_pb2.LanguageHandshakeRequest, context: Context
    ) -> language_pb2.LanguageHandshakeResponse:
        self._engine = request.engine_address or self._engine
        return language_pb2.LanguageHandshakeResponse()

    def GetPluginInfo(self, request: Empty, context: Context) -> plugin_pb2.PluginInfo:
        return plugin_pb2.PluginInfo(version=metadata.version("pulumi"))

    def GetRequiredPlugins(
        self, request: language_pb2.GetRequiredPluginsRequest, context: Context
    ) -> language_pb2.GetRequiredPluginsResponse:
        return language_pb2.GetRequiredPluginsResponse()

    def GetRequiredPackages(
        self, request: language_pb2.GetRequiredPackagesRequest, context: Context
    ) -> language_pb2.GetRequiredPackagesResponse:
        return language_pb2.GetRequiredPackagesResponse()

    def InstallDependencies(
        self, request: language_pb2.InstallDependenciesRequest, context: Context
    ) -> Iterator[language_pb2.InstallDependenciesResponse]:
        yield from ()

    def RuntimeOptionsPrompts(
        self, request: language_pb2.RuntimeOptionsRequest, context: Context
    ) -> language_pb2.RuntimeOptionsResponse:
        return language_pb2.RuntimeOptionsResponse()

    def About(self, request: language_pb2.AboutRequest, context: Context) -> language_pb2.AboutResponse:
        return language_pb2.AboutResponse(executable=sys.executable, version=platform.python_version())

    def GetProgramDependencies(
        self, request: language_pb2.GetProgramDependenciesRequest, context: Context
    ) -> language_pb2.GetProgramDependenciesResponse:
        found = sorted((each.metadata["Name"], each.version) for each in metadata.distributions())
        dependencies = [language_pb2.DependencyInfo(name=name, version=version) for name, version in found]
        return language_pb2.GetProgramDependenciesResponse(dependencies=dependencies)

    def Run(self, request: language_pb2.RunRequest, context: Context) -> language_pb2.RunResponse:
        process = self._spare.take()
        self._running.add(process)
        process.communicate(json.dumps(self._request(request)).encode() + b"\n")
        self._running.discard(process)
        if process.returncode in (0, REPORTED):
            return language_pb2.RunResponse(bail=process.returncode == REPORTED)
        if process.returncode < 0:
            return language_pb2.RunResponse(error=f"the program was ended by signal {-process.returncode}")
        return language_pb2.RunResponse(error=f"the program ended with exit status {process.returncode}")

    def _request(self, request: language_pb2.RunRequest) -> dict[str, Any]:
        info = request.info
        program = os.path.join(info.program_directory, info.entry_point or ".")  # noqa: PTH118 - `.` must stay
        return {
            "program": os.path.normpath(program),
            "root_directory": info.root_directory,
            "args": list(request.args),
            "pwd": request.pwd or info.program_directory,
            "project": request.project,
            "stack": request.stack,
            "organization": request.organization or "organization",
            "parallel": request.parallel,
            "dry_run": request.dryRun,
            "config": dict(request.config),
            "secret_keys": list(request.configSecretKeys),
            "engine": self._engine,
            "monitor": request.monitor_address,
        }

    def RunPlugin(
        self, request: language_pb2.RunPluginRequest, context: Context
    ) -> Iterator[language_pb2.RunPluginResponse]:
        yield from run_plugin(request, context)

    def Cancel(self, request: Empty, context: Context) -> Empty:
        for process in list(self._running):
            process.terminate()
        return Empty()


def serve(engine_address: str, spare: Spare) -> None:
    """Serves until the engine ends this process (an interrupt, for which it waits five seconds) or dies itself."""
    die_with_parent()

    def leave(signum: int, frame: object) -> None:
        del signum, frame
        spare.discard()
        os._exit(0)

    for each in (signal.SIGINT, signal.SIGTERM):
        signal.signal(each, leave)
    server = grpc.server(ThreadPoolExecutor(32), options=_UNLIMITED)
    language_pb2_grpc.add_LanguageRuntimeServicer_to_server(Host(engine_address, spare), server)
    port = server.add_insecure_port("127.0.0.1:0")
    server.start()
    sys.stdout.write(f"{port}\n")
    sys.stdout.flush()
    while True:
        signal.pause()
