"""How the pack's process serves the engine: the port on standard output, then until the engine ends it."""

import sys
from concurrent.futures import ThreadPoolExecutor

import grpc

from cnai.policy.analyzer.protos import analyzer_pb2_grpc
from cnai.policy.analyzer.servicer import Analyzer
from cnai.wire_protocol import allow_deep_values

UNLIMITED = [("grpc.max_receive_message_length", -1), ("grpc.max_send_message_length", -1), ("grpc.so_reuseport", 0)]


def serve() -> None:
    """Does not return before the engine is gone."""
    allow_deep_values()
    server = grpc.server(ThreadPoolExecutor(4), options=UNLIMITED)
    analyzer_pb2_grpc.add_AnalyzerServicer_to_server(Analyzer(), server)
    port = server.add_insecure_port("127.0.0.1:0")
    server.start()
    sys.stdout.write(f"{port}\n")
    sys.stdout.flush()
    try:
        server.wait_for_termination()
    except KeyboardInterrupt:
        server.stop(0)
