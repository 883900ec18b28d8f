"""The analyzer's protocol without the SDK around it."""

from cnai.wire_protocol import without_sdk

without_sdk()

from pulumi.runtime.proto import analyzer_pb2, analyzer_pb2_grpc, plugin_pb2  # noqa: E402

__all__ = ["analyzer_pb2", "analyzer_pb2_grpc", "plugin_pb2"]
