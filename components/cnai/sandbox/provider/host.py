"""What the plugin tells the engine's user beside results."""

import grpc
from pulumi.runtime.proto import engine_pb2, engine_pb2_grpc


class Host:
    """The engine that started this plugin; without an address, nobody listens."""

    def __init__(self, address: str | None) -> None:
        self._engine = engine_pb2_grpc.EngineStub(grpc.insecure_channel(address)) if address else None

    def warn(self, urn: str, message: str) -> None:
        self._log(urn, message, engine_pb2.WARNING)

    def info(self, urn: str, message: str) -> None:
        self._log(urn, message, engine_pb2.INFO)

    def _log(self, urn: str, message: str, severity: engine_pb2.LogSeverity.ValueType) -> None:
        if self._engine is not None:
            self._engine.Log(engine_pb2.LogRequest(severity=severity, message=message, urn=urn))
