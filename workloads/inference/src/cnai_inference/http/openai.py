"""OpenAI's endpoints: chat completions, completions, models."""

import asyncio
import logging
from collections.abc import Callable
from dataclasses import dataclass
from typing import TypeVar

from fastapi import APIRouter, Request, Response
from fastapi.responses import JSONResponse
from openai.types import Model
from opentelemetry.trace import Span
from pydantic import ValidationError

from cnai_inference.config import ServeOptions
from cnai_inference.errors import ModelUnknown, RequestError
from cnai_inference.http import answers, errors, schema
from cnai_inference.http.connection import EventStream, Gone, read_body, while_connected
from cnai_inference.http.service import Generation, Service
from cnai_inference.tracing import start_span

log = logging.getLogger(__name__)
R = TypeVar("R", bound=schema.Request)

LONG = 4096
"""Characters from which a prompt is tokenised beside the event loop."""


@dataclass(frozen=True)
class Endpoints:
    service: Service
    options: ServeOptions
    started: int

    def router(self) -> APIRouter:
        router = APIRouter()
        router.add_api_route("/v1/chat/completions", self.chat, methods=["POST"], response_model=None)
        router.add_api_route("/v1/completions", self.complete, methods=["POST"], response_model=None)
        router.add_api_route("/v1/models", self.models, methods=["GET"])
        router.add_api_route("/v1/models/{name:path}", self.model, methods=["GET"])
        return router

    async def chat(self, request: Request) -> Response:
        asked = await self._read(request, schema.ChatRequest)
        prompts = self.service.prompts
        text = prompts.chat([message.plain for message in asked.messages])
        ids = await self._encoded([text], special=False)
        span = self._span(request, "chat", asked, text)
        generation = await self._start(asked, ids, span, prefix="chatcmpl", fill=True)
        return await self._answer(request, asked, generation, answers.chat_shape(prompts))

    async def complete(self, request: Request) -> Response:
        asked = await self._read(request, schema.CompletionRequest)
        given = asked.prompts
        if isinstance(given[0], str):
            ids = await self._encoded([str(text) for text in given], special=True)
        else:
            ids = [self._guarded(one) for one in given if not isinstance(one, str)]
        span = self._span(request, "text_completion", asked, str(given))
        generation = await self._start(asked, ids, span, prefix="cmpl")
        return await self._answer(request, asked, generation, answers.completion_shape(self.service.prompts))

    async def models(self) -> dict[str, object]:
        return {"object": "list", "data": [self._model(name) for name in self.service.models]}

    async def model(self, name: str) -> dict[str, object]:
        if name not in self.service.models:
            raise ModelUnknown(f"the model `{name}` does not exist", param="model")
        return self._model(name)

    def _model(self, name: str) -> dict[str, object]:
        described = Model(id=name, created=self.started, object="model", owned_by="cnai").model_dump(exclude_unset=True)
        root = self.service.models[0]
        return {
            **described,
            "max_model_len": self.service.engine.max_model_len,
            "parent": root if name != root else None,
        }

    async def _read(self, request: Request, kind: type[R]) -> R:
        limit = self.options.body_kib * 1024
        body = await read_body(request, limit=limit, timeout_s=self.options.stall_s)
        try:
            asked = kind.model_validate_json(body)
        except ValidationError as error:
            # Without the chain: the original holds what was sent.
            raise errors.from_validation(error) from None
        self.service.check(asked.model)
        if asked.alternatives is not None and self.service.guardrails.on:
            raise RequestError(
                "logprobs would show what the guardrails hide", param="logprobs", code="unsupported_parameter"
            )
        return asked

    async def _encoded(self, texts: list[str], *, special: bool) -> list[tuple[int, ...]]:
        texts = [self.service.guardrails.before(text) for text in texts]
        encode: Callable[[], list[tuple[int, ...]]] = lambda: [  # noqa: E731
            self.service.prompts.encode(text, special=special) for text in texts
        ]
        return await asyncio.to_thread(encode) if sum(map(len, texts)) > LONG else encode()

    def _guarded(self, ids: list[int]) -> tuple[int, ...]:
        """Tokens are text too: guardrails see them as such."""
        prompts, rails = self.service.prompts, self.service.guardrails
        checked = prompts.checked(ids)
        if not rails.on:
            return checked
        text = prompts.decode(checked)
        allowed = rails.before(text)
        return checked if allowed == text else prompts.encode(allowed, special=False)

    def _span(self, request: Request, operation: str, asked: schema.Request, text: str) -> Span:
        span = start_span(self.service.tracer, operation, asked.model, request.headers)
        if self.service.log_content:
            span.set_attribute("gen_ai.prompt", text)
            log.info("prompt: %s", text)
        return span

    async def _start(
        self, asked: schema.Request, ids: list[tuple[int, ...]], span: Span, **how: str | bool
    ) -> Generation:
        try:
            return await self.service.generate(asked, ids, span, **how)  # type: ignore[arg-type]
        except RequestError as error:
            span.set_attribute("error.type", error.code or "invalid_request")
            span.end()
            raise

    async def _answer(
        self, request: Request, asked: schema.Request, generation: Generation, shape: answers.Shape
    ) -> Response:
        timeout_s = self.options.request_timeout_s
        if asked.stream:
            events = answers.events(generation, shape, asked.include_usage)
            return EventStream(events, generation.close, timeout_s=timeout_s)
        try:
            answer = await while_connected(request.receive, answers.whole(generation, shape), timeout_s)
        except Gone:
            return Response(status_code=499)
        finally:
            await generation.close()
        return JSONResponse(answer)
