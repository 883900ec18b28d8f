"""KServe's open inference protocol (v2), by the `kserve` SDK's own endpoints over our engine.

The SDK's server is left out: its OpenAI module imports vLLM, it listens on every address, its loading and unloading
endpoints are open to anyone, and it unloads models at SIGTERM while streams still run.
"""

import math
import struct
import uuid
from collections.abc import Callable, Mapping
from typing import Any

from fastapi import APIRouter, Depends, Request, Response
from kserve import InferInput, InferOutput, InferRequest, InferResponse, Model, ModelRepository
from kserve.errors import InvalidInput, ModelNotFound, ModelNotReady, ServerNotLive, ServerNotReady
from kserve.protocol.dataplane import DataPlane
from kserve.protocol.rest.v2_datamodels import InferenceRequest
from kserve.protocol.rest.v2_endpoints import V2Endpoints
from pydantic import ValidationError
from starlette.responses import JSONResponse

from cnai_inference.config import ServeOptions
from cnai_inference.errors import ModelUnknown, RequestError
from cnai_inference.http import answers, errors
from cnai_inference.http.connection import Gone, read_body, while_connected
from cnai_inference.http.generate import Generate, begun, wanted
from cnai_inference.http.service import Service

VERSION = "1"
HEADER = "inference-header-content-length"
EXTENSIONS = ["binary_tensor_data", "generate"]


class TextModel(Model):
    """`text_input` (BYTES) to `text_output` (BYTES), one reply per prompt; parameters as in /v1/completions."""

    def __init__(self, name: str, service: Service) -> None:
        super().__init__(name)
        self._service = service
        self.ready = True

    async def healthy(self) -> bool:
        return self._service.ready

    def get_input_types(self) -> list[dict[str, Any]]:
        return [{"name": "text_input", "datatype": "BYTES", "shape": [-1]}]

    def get_output_types(self) -> list[dict[str, Any]]:
        return [{"name": "text_output", "datatype": "BYTES", "shape": [-1]}]

    async def predict(self, payload: InferRequest, headers: dict[str, str] | None = None, *_: Any) -> InferResponse:
        texts = texts_of(payload)
        try:
            asked = wanted(payload.parameters or {}, self.name, texts)
        except ValidationError as error:
            raise errors.from_validation(error) from None
        generation = await begun(self._service, asked, texts, headers or {})
        try:
            answer = await answers.whole(generation, answers.completion_shape(self._service.prompts))
        finally:
            await generation.close()
        output = InferOutput(name="text_output", datatype="BYTES", shape=[len(texts)])
        output.data = [choice["text"] for choice in answer["choices"]]
        return InferResponse(response_id=payload.id or str(uuid.uuid4()), model_name=self.name, infer_outputs=[output])


def texts_of(request: InferRequest) -> list[str]:
    inputs: list[InferInput] = request.inputs
    if [one.name for one in inputs] != ["text_input"] or inputs[0].datatype != "BYTES":
        raise RequestError("give one input, text_input of datatype BYTES", param="inputs")
    data = inputs[0].data
    if not isinstance(data, list) or not data:
        raise RequestError("text_input has no data; give a list of strings", param="inputs")
    if math.prod(inputs[0].shape) != len(data):
        raise RequestError(
            f"text_input has the shape {inputs[0].shape} and {len(data)} strings: give [{len(data)}]", param="inputs"
        )
    try:
        return [one if isinstance(one, str) else one.decode() for one in data]
    except (UnicodeDecodeError, AttributeError) as error:
        raise RequestError("text_input holds something other than UTF-8 text", param="inputs") from error


def decoded(body: bytes, headers: Mapping[str, str], name: str) -> InferRequest:
    """With the header, tensors follow the JSON in binary."""
    try:
        if HEADER in headers:
            return InferRequest.from_bytes(body, int(headers[HEADER]), name)
        return InferRequest.from_inference_request(InferenceRequest.model_validate_json(body), name)
    except ValidationError as error:
        raise errors.from_validation(error) from None
    except InvalidInput:
        raise
    # The SDK takes binary bodies apart without looking whether they are whole.
    except (ValueError, TypeError, LookupError, AttributeError, struct.error):
        raise RequestError(f"the body is not what {HEADER} and its inputs say", param="inputs") from None


async def one_version(version: str) -> None:
    if version != VERSION:
        raise ModelUnknown(
            f"there is no version {version!r} of this model: leave it out, or give {VERSION}", param="version"
        )


def install(router: APIRouter, service: Service, options: ServeOptions) -> None:
    """The SDK's handlers, with this server's limits and errors around them."""
    repository = ModelRepository()
    for name in service.models:
        repository.update(TextModel(name, service), name)
    endpoints = V2Endpoints(DataPlane(repository))

    async def server() -> JSONResponse:
        return JSONResponse((await endpoints.metadata()).model_dump() | {"extensions": EXTENSIONS})

    async def described(name: str) -> JSONResponse:
        metadata = await endpoints.model_metadata(name)
        return JSONResponse(metadata.model_dump(exclude_none=True) | {"versions": [VERSION]})

    async def ready(name: str) -> JSONResponse:
        return JSONResponse((await endpoints.model_ready(name)).model_dump(exclude_none=True))

    async def infer(request: Request, name: str) -> Response:
        body = await read_body(request, limit=options.body_kib * 1024, timeout_s=options.stall_s)
        answer = Response(media_type="application/json")
        work = endpoints.infer(request, answer, name, decoded(body, request.headers, name))
        try:
            result = await while_connected(request.receive, work, options.request_timeout_s)
        except Gone:
            return Response(status_code=499)
        return result if isinstance(result, Response) else JSONResponse(result.model_dump(exclude_none=True))

    router.add_api_route("/v2", server, methods=["GET"])
    router.add_api_route("/v2/health/live", endpoints.live, methods=["GET"])
    router.add_api_route("/v2/health/ready", endpoints.ready, methods=["GET"])
    router.add_api_route("/v2/models", endpoints.models, methods=["GET"])
    generate = Generate(service, options)
    reads = {"": described, "/ready": ready}
    asks = {"/infer": infer, "/generate": generate.whole, "/generate_stream": generate.stream}
    of_models(router, {"GET": reads, "POST": asks})


def of_models(router: APIRouter, handlers: Mapping[str, Mapping[str, Callable[..., Any]]]) -> None:
    """Each path of a model, and the same of its one version; by HTTP's method."""
    for path, of_version in (
        ("/v2/models/{name}", []),
        ("/v2/models/{name}/versions/{version}", [Depends(one_version)]),
    ):
        for method, handled in handlers.items():
            for end, handler in handled.items():
                router.add_api_route(
                    path + end, handler, methods=[method], dependencies=of_version, response_model=None
                )


STATUSES = {InvalidInput: 400, ModelNotFound: 404, ModelNotReady: 503, ServerNotLive: 503, ServerNotReady: 503}


async def v2_error(_: Request, error: Exception) -> JSONResponse:
    """The protocol's own shape; the message of an invalid input may quote it, and goes only to its sender."""
    return JSONResponse({"error": str(error)}, STATUSES[type(error)])
