"""The engine's protocol without the SDK around it."""

from cnai.wire_protocol import without_sdk

without_sdk()

from pulumi.runtime.proto import language_pb2, language_pb2_grpc, plugin_pb2  # noqa: E402

__all__ = ["language_pb2", "language_pb2_grpc", "plugin_pb2"]
