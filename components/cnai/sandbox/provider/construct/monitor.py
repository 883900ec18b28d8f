"""Registers a component and its children with the engine, without an SDK between: the calls are few and plain."""

from collections.abc import Sequence
from importlib import metadata
from typing import Any

import grpc
from google.protobuf.struct_pb2 import Struct
from pulumi.runtime.proto import provider_pb2, resource_pb2, resource_pb2_grpc

from cnai.charts.tokens import token_of
from cnai.plugin.errors import ProviderError
from cnai.plugin.values import RESOURCE, SIGNATURE, UNKNOWN, encode

Object = dict[str, Any]
OPTIONS = [("grpc.max_receive_message_length", -1), ("grpc.max_send_message_length", -1)]


class Child:
    """A registration under way."""

    def __init__(self, call: Any) -> None:
        self._call = call

    def wait(self) -> resource_pb2.RegisterResourceResponse:
        """Once the engine has created it; `ProviderError` if it could not (it has told the user why)."""
        try:
            return self._call.result()
        except grpc.RpcError as error:
            words = error.details() if isinstance(error, grpc.Call) else str(error)
            raise ProviderError(words or "the engine could not make a child") from error


class Monitor:
    """The engine, as a component that is being constructed sees it."""

    def __init__(self, request: provider_pb2.ConstructRequest) -> None:
        self._request = request
        self._channel = grpc.insecure_channel(request.monitorEndpoint, OPTIONS)
        self._stub = resource_pb2_grpc.ResourceMonitorStub(self._channel)

    def close(self) -> None:
        self._channel.close()

    def register_component(self) -> str:
        """The component itself, with the options that the program gave it; returns its URN."""
        given = self._request
        register = resource_pb2.RegisterResourceRequest(
            type=given.type,
            name=given.name,
            parent=given.parent,
            object=Struct(),
            dependencies=given.dependencies,
            providers=dict(given.providers),
            deletedWith=given.deletedWith,
            ignoreChanges=given.ignoreChanges,
            replaceOnChanges=given.replaceOnChanges,
            aliases=given.aliases,
            aliasSpecs=True,
            **_ACCEPTS,
        )
        if given.HasField("protect"):
            register.protect = given.protect
        if given.HasField("retainOnDelete"):
            register.retainOnDelete = given.retainOnDelete
        return Child(self._stub.RegisterResource.future(register)).wait().urn

    def register(self, obj: Object, name: str, component: str, dependencies: Sequence[str]) -> Child:
        """One object as a child, made by the provider resource that was handed to the component."""
        register = resource_pb2.RegisterResourceRequest(
            type=token_of(obj["apiVersion"], obj["kind"]),
            name=name,
            custom=True,
            parent=component,
            object=encode(obj),
            provider=self._request.providers.get("kubernetes", ""),
            # Without a provider the engine takes its default one of this version: the one that runs here already.
            version=metadata.version("pulumi-kubernetes"),
            dependencies=dependencies,
            aliasSpecs=True,
            **_ACCEPTS,
        )
        if self._request.HasField("protect"):
            register.protect = self._request.protect
        if self._request.HasField("retainOnDelete"):
            register.retainOnDelete = self._request.retainOnDelete
        return Child(self._stub.RegisterResource.future(register))

    def register_outputs(self, component: str, outputs: Object) -> None:
        request = resource_pb2.RegisterResourceOutputsRequest(urn=component, outputs=encode(outputs))
        self._stub.RegisterResourceOutputs(request)


_ACCEPTS: dict[str, Any] = {"acceptSecrets": True, "acceptResources": True, "supportsPartialValues": True}


def reference(child: resource_pb2.RegisterResourceResponse) -> Object:
    """A property value that stands for a resource."""
    return {SIGNATURE: RESOURCE, "urn": child.urn, "id": child.id or UNKNOWN}
