"""The functions of the Kubernetes package that a program may call."""

from typing import Any

import yaml
from pulumi.runtime.proto import provider_pb2

from cnai.plugin.errors import ProviderError
from cnai.plugin.values import decode, encode, plain


def invoke(request: provider_pb2.InvokeRequest) -> provider_pb2.InvokeResponse:
    if request.tok != "kubernetes:yaml:decode":
        raise ProviderError(
            f"the sandbox does not have the function {request.tok}: use yaml/v2, kustomize/v2 or helm.sh/v4 components"
        )
    args: dict[str, Any] = plain(decode(request.args))
    try:
        found = [document for document in yaml.safe_load_all(args.get("text", "")) if document]
    except yaml.YAMLError as error:
        raise ProviderError(f"the YAML given is not valid: {error}") from error
    response = provider_pb2.InvokeResponse()
    getattr(response, "return").CopyFrom(encode({"result": found}))
    return response
