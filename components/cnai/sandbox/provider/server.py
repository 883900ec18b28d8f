"""The gRPC service that the engine calls: decodes, hands on to what does the work, encodes."""

# ruff: noqa: N802 - the methods are named by the engine's protocol

import os
import threading

from google.protobuf.empty_pb2 import Empty
from pulumi.runtime.proto import provider_pb2

from cnai.charts.tokens import RELEASE, kind_of
from cnai.plugin.answers import answering
from cnai.plugin.diffs import as_response
from cnai.plugin.errors import ProviderError
from cnai.plugin.servicer import Context, PluginServicer
from cnai.plugin.urns import type_in_urn
from cnai.plugin.values import decode, encode, plain
from cnai.sandbox.provider import checking, invokes, resources
from cnai.sandbox.provider.cluster import Cluster
from cnai.sandbox.provider.releases import Releases
from cnai.sandbox.provider.settings import Settings


class Servicer(PluginServicer):
    """One plugin process, for one provider resource of the program."""

    def __init__(self, engine_address: str | None) -> None:
        super().__init__("kubernetes", engine_address)
        self._cluster: Cluster | None = None
        self._releases: Releases | None = None
        self._configuring = threading.Lock()

    @property
    def cluster(self) -> Cluster:
        if self._cluster is None:
            raise ProviderError("the kubernetes provider has not been configured")
        return self._cluster

    @property
    def releases(self) -> Releases:
        with self._configuring:
            if self._releases is None:
                self._releases = Releases(self.cluster)
            return self._releases

    @answering
    def CheckConfig(self, request: provider_pb2.CheckRequest, context: Context) -> provider_pb2.CheckResponse:
        return checking.check_config(request)

    @answering
    def DiffConfig(self, request: provider_pb2.DiffRequest, context: Context) -> provider_pb2.DiffResponse:
        return checking.diff_config(request)

    @answering
    def Configure(self, request: provider_pb2.ConfigureRequest, context: Context) -> provider_pb2.ConfigureResponse:
        self._cluster = Cluster(Settings.of(plain(decode(request.args)), os.environ), self.host)
        return provider_pb2.ConfigureResponse(
            acceptSecrets=True, supportsPreview=True, supports_autonaming_configuration=True
        )

    @answering
    def Check(self, request: provider_pb2.CheckRequest, context: Context) -> provider_pb2.CheckResponse:
        if type_in_urn(request.urn) == RELEASE:
            return self.releases.check(request)
        return checking.check(self.cluster, request)

    @answering
    def Diff(self, request: provider_pb2.DiffRequest, context: Context) -> provider_pb2.DiffResponse:
        if type_in_urn(request.urn) == RELEASE:
            return as_response(self.releases.diff(request))
        return as_response(checking.difference(self.cluster, request))

    @answering
    def Create(self, request: provider_pb2.CreateRequest, context: Context) -> provider_pb2.CreateResponse:
        token = type_in_urn(request.urn)
        if token == RELEASE:
            return self.releases.create(request)
        made, outputs = resources.create(
            self.cluster, request.urn, kind_of(token), decode(request.properties), request.preview, request.timeout
        )
        return provider_pb2.CreateResponse(id=made, properties=encode(outputs))

    @answering
    def Update(self, request: provider_pb2.UpdateRequest, context: Context) -> provider_pb2.UpdateResponse:
        token = type_in_urn(request.urn)
        if token == RELEASE:
            return self.releases.update(request)
        olds, news = decode(request.olds), decode(request.news)
        outputs = resources.update(
            self.cluster, request.urn, kind_of(token), olds, news, request.preview, request.timeout
        )
        return provider_pb2.UpdateResponse(properties=encode(outputs))

    @answering
    def Read(self, request: provider_pb2.ReadRequest, context: Context) -> provider_pb2.ReadResponse:
        token = type_in_urn(request.urn)
        if token == RELEASE:
            return self.releases.read(request)
        inputs, olds = decode(request.inputs), decode(request.properties)
        found = resources.read(self.cluster, request.urn, kind_of(token), request.id, inputs, olds)
        if found is None:
            return provider_pb2.ReadResponse()
        return provider_pb2.ReadResponse(id=request.id, inputs=encode(found[0]), properties=encode(found[1]))

    @answering
    def Delete(self, request: provider_pb2.DeleteRequest, context: Context) -> Empty:
        token = type_in_urn(request.urn)
        if token == RELEASE:
            self.releases.delete(request)
            return Empty()
        olds = decode(request.properties)
        resources.delete(self.cluster, request.urn, kind_of(token), request.id, olds, request.timeout)
        return Empty()

    @answering
    def Construct(self, request: provider_pb2.ConstructRequest, context: Context) -> provider_pb2.ConstructResponse:
        from cnai.sandbox.provider.construct import construct  # most programs have no component of this package

        return construct(self.cluster, request)

    @answering
    def Invoke(self, request: provider_pb2.InvokeRequest, context: Context) -> provider_pb2.InvokeResponse:
        return invokes.invoke(request)

    @answering
    def Cancel(self, request: Empty, context: Context) -> Empty:
        if self._cluster is not None:
            self._cluster.cancel()
        if self._releases is not None:
            self._releases.cancel()
        return Empty()
