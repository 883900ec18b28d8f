"""The gRPC service that the engine calls, for whichever package the plugin was started as."""

# ruff: noqa: N802 - the methods are named by the engine's protocol

import os
from pathlib import Path

from google.protobuf.empty_pb2 import Empty
from pulumi.runtime.proto import provider_pb2

from cnai.paths import SandboxDir
from cnai.plugin.answers import answering
from cnai.plugin.diffs import as_response
from cnai.plugin.errors import ProviderError
from cnai.plugin.servicer import Context, PluginServicer
from cnai.plugin.values import decode, encode, plain
from cnai.sandbox.cloud import checking, functions, operations
from cnai.sandbox.cloud.account import Account


class Servicer(PluginServicer):
    """One plugin process, for one provider resource of the program."""

    def __init__(self, package: str, engine_address: str | None) -> None:
        super().__init__(package, engine_address)
        self._account: Account | None = None

    @property
    def account(self) -> Account:
        if self._account is None:
            raise ProviderError(f"the {self.package} provider has not been configured")
        return self._account

    @answering
    def CheckConfig(self, request: provider_pb2.CheckRequest, context: Context) -> provider_pb2.CheckResponse:
        return checking.check_config(self.package, request, os.environ)

    @answering
    def DiffConfig(self, request: provider_pb2.DiffRequest, context: Context) -> provider_pb2.DiffResponse:
        return checking.diff_config(request)

    @answering
    def Configure(self, request: provider_pb2.ConfigureRequest, context: Context) -> provider_pb2.ConfigureResponse:
        root = os.environ.get("CNAI_SANDBOX_DIR")
        if not root:
            raise ProviderError("the simulated cloud needs a sandbox: CNAI_SANDBOX_DIR is not set")
        key, variable, _ = checking.NEEDED[self.package]
        config = {key: os.environ.get(variable, "")} | plain(decode(request.args))
        self._account = Account(self.package, SandboxDir(Path(root)), self.host, config, _refill)
        return provider_pb2.ConfigureResponse(
            acceptSecrets=True, supportsPreview=True, supports_autonaming_configuration=True
        )

    @answering
    def Check(self, request: provider_pb2.CheckRequest, context: Context) -> provider_pb2.CheckResponse:
        return checking.check(self.account, request)

    @answering
    def Diff(self, request: provider_pb2.DiffRequest, context: Context) -> provider_pb2.DiffResponse:
        return as_response(checking.difference(self.account, request))

    @answering
    def Create(self, request: provider_pb2.CreateRequest, context: Context) -> provider_pb2.CreateResponse:
        inputs = decode(request.properties)
        made, outputs = operations.create(self.account, request.urn, inputs, request.preview, request.timeout)
        return provider_pb2.CreateResponse(id=made, properties=encode(outputs))

    @answering
    def Update(self, request: provider_pb2.UpdateRequest, context: Context) -> provider_pb2.UpdateResponse:
        olds, news = decode(request.olds), decode(request.news)
        outputs = operations.update(self.account, request.urn, request.id, olds, news, request.preview, request.timeout)
        return provider_pb2.UpdateResponse(properties=encode(outputs))

    @answering
    def Read(self, request: provider_pb2.ReadRequest, context: Context) -> provider_pb2.ReadResponse:
        inputs, olds = decode(request.inputs), decode(request.properties)
        found = operations.read(self.account, request.urn, request.id, inputs, olds)
        if found is None:
            return provider_pb2.ReadResponse()
        return provider_pb2.ReadResponse(id=request.id, inputs=encode(found[0]), properties=encode(found[1]))

    @answering
    def Delete(self, request: provider_pb2.DeleteRequest, context: Context) -> Empty:
        operations.delete(self.account, request.urn, request.id, request.timeout)
        return Empty()

    @answering
    def Invoke(self, request: provider_pb2.InvokeRequest, context: Context) -> provider_pb2.InvokeResponse:
        found = functions.answer(self.account, request.tok, decode(request.args))
        response = provider_pb2.InvokeResponse()
        getattr(response, "return").CopyFrom(encode(found))
        return response

    @answering
    def Call(self, request: provider_pb2.CallRequest, context: Context) -> provider_pb2.CallResponse:
        raise ProviderError(f"the simulated cloud does not have the method {request.tok}")

    @answering
    def Cancel(self, request: Empty, context: Context) -> Empty:
        return Empty()


def _refill(account: Account, port: int) -> None:
    # Only now: of the three clouds only AWS has a moto.
    from cnai.sandbox.cloud.moto.rebuild import refill

    refill(account, port)
