"""The open inference protocol's text generation: `generate` and `generate_stream`."""

import json
from collections.abc import AsyncGenerator, Mapping, Sequence
from contextlib import aclosing
from dataclasses import dataclass
from typing import Any

from fastapi import Request, Response
from fastapi.responses import JSONResponse
from pydantic import BaseModel, Field, ValidationError

from cnai_inference.config import ServeOptions
from cnai_inference.engine import Token
from cnai_inference.errors import RequestError
from cnai_inference.http import errors
from cnai_inference.http.connection import EventStream, Gone, read_body, while_connected
from cnai_inference.http.prompts import Prompts
from cnai_inference.http.schema import CompletionRequest
from cnai_inference.http.service import Generation, Service
from cnai_inference.tracing import start_span

MAX_TOKENS = 20
"""The protocol's default."""


class GenerateRequest(BaseModel):
    text_input: str
    parameters: dict[str, Any] = Field(default_factory=dict)


def wanted(parameters: Mapping[str, Any], name: str, prompt: str | list[str]) -> CompletionRequest:
    """One choice for each text; how it is answered does not follow from the parameters."""
    asked = CompletionRequest.model_validate({**parameters, "model": name, "prompt": prompt, "stream": False})
    if asked.n != 1:
        raise RequestError("n is not supported here: give the text several times", param="n")
    return asked


async def begun(
    service: Service, asked: CompletionRequest, texts: Sequence[str], headers: Mapping[str, str]
) -> Generation:
    """One choice for each text, running."""
    service.check(asked.model)
    allowed = [service.guardrails.before(text) for text in texts]
    ids = [service.prompts.encode(text, special=True) for text in allowed]
    span = start_span(service.tracer, "text_completion", asked.model, headers)
    try:
        return await service.generate(asked, ids, span, prefix="infer")
    except RequestError as error:
        span.set_attribute("error.type", error.code or "invalid_request")
        span.end()
        raise


@dataclass(frozen=True)
class Generate:
    service: Service
    options: ServeOptions

    async def whole(self, request: Request, name: str) -> Response:
        generation, details = await self._begin(request, name)
        try:
            work = answer(generation, details, self.service.prompts)
            return JSONResponse(await while_connected(request.receive, work, self.options.request_timeout_s))
        except Gone:
            return Response(status_code=499)
        finally:
            await generation.close()

    async def stream(self, request: Request, name: str) -> Response:
        generation, details = await self._begin(request, name)
        written = events(generation, details, self.service.prompts)
        return EventStream(written, generation.close, timeout_s=self.options.request_timeout_s)

    async def _begin(self, request: Request, name: str) -> tuple[Generation, bool]:
        body = await read_body(request, limit=self.options.body_kib * 1024, timeout_s=self.options.stall_s)
        try:
            given = GenerateRequest.model_validate_json(body)
            details = bool(given.parameters.pop("details", False))
            logprobs = {"logprobs": 0} if details else {}
            asked = wanted({"max_tokens": MAX_TOKENS, **given.parameters, **logprobs}, name, given.text_input)
        except ValidationError as error:
            raise errors.from_validation(error) from None
        if asked.logprobs is not None and self.service.guardrails.on:
            raise RequestError("details would show what the guardrails hide", param="details")
        return await begun(self.service, asked, [given.text_input], request.headers), details


def described(token: Token, prompts: Prompts) -> dict[str, Any]:
    text, _ = prompts.token(token.id)
    return {"id": token.id, "text": text, "logprob": token.logprob, "special": prompts.special(token.id)}


def reason_of(reason: str, last: Token, prompts: Prompts) -> str:
    """The protocol tells the end of the text from a stop sequence."""
    if reason != "stop":
        return reason
    return "eos_token" if prompts.special(last.id) else "stop_sequence"


async def answer(generation: Generation, details: bool, prompts: Prompts) -> dict[str, Any]:
    texts: list[str] = []
    tokens: list[Token] = []
    ended = ""
    async with aclosing(generation.chunks()) as chunks:
        async for _, chunk, reason in chunks:
            texts.append(chunk.text)
            tokens.extend(chunk.tokens)
            ended = reason or ended
    found: dict[str, Any] = {"text_output": "".join(texts), "model_name": generation.model}
    if details:
        logprobs = [described(token, prompts) for token in tokens]
        found["details"] = {"finish_reason": reason_of(ended, tokens[-1], prompts), "logprobs": logprobs}
    return found


async def events(generation: Generation, details: bool, prompts: Prompts) -> AsyncGenerator[bytes, None]:
    try:
        async with aclosing(generation.chunks()) as chunks:
            async for _, chunk, reason in chunks:
                found: dict[str, Any] = {"text_output": chunk.text, "model_name": generation.model}
                if reason and details and chunk.tokens:
                    last = chunk.tokens[-1]
                    found["details"] = {
                        "finish_reason": reason_of(reason, last, prompts),
                        "token": described(last, prompts),
                    }
                if chunk.text or reason:
                    yield b"data: " + json.dumps(found, ensure_ascii=False).encode() + b"\n\n"
    except RequestError as error:
        yield b"data: " + json.dumps({"error": str(error)}).encode() + b"\n\n"
