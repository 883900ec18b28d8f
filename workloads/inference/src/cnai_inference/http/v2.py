"""KServe's open inference protocol (v2), by the `kserve` SDK's own endpoints over our engine.

The SDK's server is left out: its OpenAI module imports vLLM, it listens on every address, its loading and unloading
endpoints are open to anyone, and it unloads models at SIGTERM while streams still run.
"""

import uuid
from typing import Any

from fastapi import APIRouter, Request, Response
from kserve import InferInput, InferOutput, InferRequest, InferResponse, Model, ModelRepository
from kserve.errors import InvalidInput, ModelNotFound, ModelNotReady, ServerNotLive, ServerNotReady
from kserve.protocol.dataplane import DataPlane
from kserve.protocol.rest.v2_datamodels import InferenceRequest
from kserve.protocol.rest.v2_endpoints import V2Endpoints
from pydantic import ValidationError
from starlette.responses import JSONResponse

from cnai_inference.config import ServeOptions
from cnai_inference.errors import RequestError
from cnai_inference.http import answers, errors
from cnai_inference.http.connection import Gone, read_body, while_connected
from cnai_inference.http.schema import CompletionRequest
from cnai_inference.http.service import Service
from cnai_inference.tracing import start_span

PARAMETERS = ("max_tokens", "temperature", "top_p", "top_k", "seed", "stop", "presence_penalty", "frequency_penalty")


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
        texts = [self._service.guardrails.before(text) for text in texts_of(payload)]
        given = {name: value for name, value in (payload.parameters or {}).items() if name in PARAMETERS}
        try:
            asked = CompletionRequest.model_validate({**given, "model": self.name, "prompt": texts})
        except ValidationError as error:
            raise errors.from_validation(error) from None
        self._service.check(self.name)
        prompts = self._service.prompts
        ids = [prompts.encode(text, special=True) for text in texts]
        span = start_span(self._service.tracer, "text_completion", self.name, headers or {})
        generation = await self._service.generate(asked, ids, span, prefix="infer")
        try:
            answer = await answers.whole(generation, answers.completion_shape(prompts))
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
    try:
        return [one if isinstance(one, str) else one.decode() for one in data]
    except (UnicodeDecodeError, AttributeError) as error:
        raise RequestError("text_input holds something other than UTF-8 text", param="inputs") from error


def install(router: APIRouter, service: Service, options: ServeOptions) -> None:
    """The SDK's handlers, with this server's limits and errors around them."""
    repository = ModelRepository()
    for name in service.models:
        repository.update(TextModel(name, service), name)
    endpoints = V2Endpoints(DataPlane(repository))

    async def infer(request: Request, name: str) -> Response:
        body = await read_body(request, limit=options.body_kib * 1024, timeout_s=options.stall_s)
        answer = Response(media_type="application/json")
        try:
            # With this header, tensors follow the JSON in binary, which the SDK takes apart.
            binary = "inference-header-content-length" in request.headers
            content = body if binary else InferenceRequest.model_validate_json(body)
        except ValidationError as error:
            raise errors.from_validation(error) from None
        work = endpoints.infer(request, answer, name, content)
        try:
            result = await while_connected(request.receive, work, options.request_timeout_s)
        except Gone:
            return Response(status_code=499)
        return result if isinstance(result, Response) else JSONResponse(result.model_dump(exclude_none=True))

    router.add_api_route("/v2", endpoints.metadata, methods=["GET"])
    router.add_api_route("/v2/health/live", endpoints.live, methods=["GET"])
    router.add_api_route("/v2/health/ready", endpoints.ready, methods=["GET"])
    router.add_api_route("/v2/models", endpoints.models, methods=["GET"])
    router.add_api_route("/v2/models/{model_name}", endpoints.model_metadata, methods=["GET"])
    router.add_api_route("/v2/models/{model_name}/ready", endpoints.model_ready, methods=["GET"])
    router.add_api_route("/v2/models/{name}/infer", infer, methods=["POST"], response_model=None)


STATUSES = {InvalidInput: 400, ModelNotFound: 404, ModelNotReady: 503, ServerNotLive: 503, ServerNotReady: 503}


async def v2_error(_: Request, error: Exception) -> JSONResponse:
    """The protocol's own shape; the message of an invalid input may quote it, and goes only to its sender."""
    return JSONResponse({"error": str(error)}, STATUSES[type(error)])
