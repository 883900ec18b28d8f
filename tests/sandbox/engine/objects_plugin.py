"""A provider for these tests: each resource is a file `NAMESPACE.NAME.json` in `$OBJECTS`.

Inputs steer it: `{"fail": TEXT}` refuses to create, `{"hold": true}` creates, then waits until `$OBJECTS/go` exists.
"""

# ruff: noqa: N802

import json
import os
import sys
import time
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import grpc
from google.protobuf import json_format, struct_pb2
from google.protobuf.empty_pb2 import Empty
from pulumi.runtime.proto import plugin_pb2, provider_pb2, provider_pb2_grpc

from cnai.engine.orphans import die_with_parent

OBJECTS = Path(os.environ["OBJECTS"])


def file_of(properties: struct_pb2.Struct) -> Path:
    metadata = json_format.MessageToDict(properties)["metadata"]
    return OBJECTS / f"{metadata.get('namespace', '-')}.{metadata['name']}.json"


class Objects(provider_pb2_grpc.ResourceProviderServicer):
    def GetPluginInfo(self, request, context):
        return plugin_pb2.PluginInfo(version="4.0.0")

    def CheckConfig(self, request, context):
        return provider_pb2.CheckResponse(inputs=request.news)

    def DiffConfig(self, request, context):
        return provider_pb2.DiffResponse(changes=provider_pb2.DiffResponse.DIFF_NONE)

    def Configure(self, request, context):
        return provider_pb2.ConfigureResponse(acceptSecrets=False, supportsPreview=False)

    def Check(self, request, context):
        return provider_pb2.CheckResponse(inputs=request.news)

    def Diff(self, request, context):
        changed = request.old_inputs != request.news
        answer = provider_pb2.DiffResponse
        return answer(changes=answer.DIFF_SOME if changed else answer.DIFF_NONE)

    def Create(self, request, context):
        inputs = json_format.MessageToDict(request.properties)
        if reason := inputs.get("fail"):
            context.abort(grpc.StatusCode.UNKNOWN, reason)
        with (OBJECTS / "log").open("a") as log:
            log.write(f"create {file_of(request.properties).name}\n")
        self.write(request.properties)
        while inputs.get("hold") and not (OBJECTS / "go").exists():
            time.sleep(0.02)
        namespace, name = inputs["metadata"].get("namespace"), inputs["metadata"]["name"]
        made = f"{namespace}/{name}" if namespace else name
        return provider_pb2.CreateResponse(id=made, properties=request.properties)

    def Update(self, request, context):
        self.write(request.news)
        return provider_pb2.UpdateResponse(properties=request.news)

    def write(self, properties):
        file_of(properties).write_text(json.dumps(json_format.MessageToDict(properties)))

    def Read(self, request, context):
        if not file_of(request.properties).exists():
            return provider_pb2.ReadResponse()
        return provider_pb2.ReadResponse(id=request.id, properties=request.properties, inputs=request.inputs)

    def Delete(self, request, context):
        file_of(request.properties).unlink(missing_ok=True)
        return Empty()

    def Cancel(self, request, context):
        return Empty()


if __name__ == "__main__":
    die_with_parent()
    server = grpc.server(ThreadPoolExecutor(64))
    provider_pb2_grpc.add_ResourceProviderServicer_to_server(Objects(), server)
    sys.stdout.write(f"{server.add_insecure_port('127.0.0.1:0')}\n")
    server.start()
    sys.stdout.flush()
    server.wait_for_termination()
