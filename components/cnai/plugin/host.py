"""What the plugin tells the engine's user beside results."""

import logging

import grpc
from pulumi.runtime.proto import engine_pb2, engine_pb2_grpc

log = logging.getLogger(__name__)
LONGEST_S = 5


class Host:
    """The engine that started this plugin; without an address, nobody listens."""

    def __init__(self, address: str | None) -> None:
        self._engine = engine_pb2_grpc.EngineStub(grpc.insecure_channel(address)) if address else None

    def warn(self, urn: str, message: str) -> None:
        self._log(urn, message, engine_pb2.WARNING)

    def status(self, urn: str, message: str) -> None:
        """What is going on with a resource right now; gone from the display with the next one."""
        self._log(urn, message, engine_pb2.INFO, ephemeral=True)

    def _log(self, urn: str, message: str, severity: engine_pb2.LogSeverity.ValueType, ephemeral: bool = False) -> None:
        if self._engine is None:
            return
        request = engine_pb2.LogRequest(severity=severity, message=message, urn=urn, ephemeral=ephemeral)
        try:
            self._engine.Log(request, timeout=LONGEST_S)
        except grpc.RpcError as error:
            # A terminating engine is not a reason for the operation itself to fail.
            log.info("could not tell the engine %r: %s", message, error)
