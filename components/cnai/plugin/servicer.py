"""What every plugin of ours answers alike: who it is, and which engine it talks to."""

# ruff: noqa: N802 - the methods are named by the engine's protocol

import json
from importlib import metadata

import grpc
from google.protobuf.empty_pb2 import Empty
from pulumi.runtime.proto import plugin_pb2, provider_pb2, provider_pb2_grpc

from cnai.plugin.answers import answering
from cnai.plugin.host import Host

Context = grpc.ServicerContext


class PluginServicer(provider_pb2_grpc.ResourceProviderServicer):
    """One plugin process, for one provider resource of the program."""

    def __init__(self, package: str, engine_address: str | None) -> None:
        self.package = package
        self.host = Host(engine_address)

    @answering
    def Handshake(
        self, request: provider_pb2.ProviderHandshakeRequest, context: Context
    ) -> provider_pb2.ProviderHandshakeResponse:
        self.host = Host(request.engine_address or None)
        return provider_pb2.ProviderHandshakeResponse(accept_secrets=True, supports_autonaming_configuration=True)

    @answering
    def Attach(self, request: plugin_pb2.PluginAttach, context: Context) -> Empty:
        self.host = Host(request.address)
        return Empty()

    @answering
    def GetPluginInfo(self, request: Empty, context: Context) -> plugin_pb2.PluginInfo:
        return plugin_pb2.PluginInfo(version=metadata.version(f"pulumi-{self.package}"))

    @answering
    def GetSchema(self, request: provider_pb2.GetSchemaRequest, context: Context) -> provider_pb2.GetSchemaResponse:
        return provider_pb2.GetSchemaResponse(
            schema=json.dumps({"name": self.package, "resources": {}, "provider": {}})
        )
