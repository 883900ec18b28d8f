"""A request's way: checked, sent to the engine as one generation per choice, counted, traced."""

import asyncio
import logging
import time
import uuid
from collections.abc import AsyncGenerator, Sequence
from contextlib import aclosing
from dataclasses import dataclass, field

from opentelemetry.trace import Span, Tracer

from cnai_inference.engine import Chunk, ChunkStream, Engine, GenerationRequest
from cnai_inference.errors import ContextTooLong, Draining, ModelUnknown, RequestError
from cnai_inference.guardrails import Guardrails, ReplyFilter
from cnai_inference.http.prompts import Prompts
from cnai_inference.http.schema import Request

log = logging.getLogger(__name__)

COMPLETION_TOKENS = 16
"""What /v1/completions generates where max_tokens is left out."""


@dataclass(eq=False)
class Generation:
    """One HTTP request: one or more choices, merged as they come."""

    service: "Service"
    id: str
    model: str
    created: int
    streams: Sequence[ChunkStream]
    filters: Sequence[ReplyFilter]
    prompt_tokens: int
    span: Span
    started: float = field(default_factory=time.perf_counter)
    completion_tokens: int = 0
    cached_tokens: int = 0
    reasons: list[str] = field(default_factory=list)
    interrupted: bool = False
    reply: list[str] = field(default_factory=list)
    """What was answered, kept only where content is to be traced."""

    async def chunks(self) -> AsyncGenerator[tuple[int, Chunk, str | None], None]:
        """Choice, chunk with filtered text, reason to finish (`content_filter` too)."""
        source = self._one() if len(self.streams) == 1 else merge(self.streams)
        async with aclosing(source) as items:
            async for index, chunk in items:
                self._count(chunk)
                if self.filters[index].blocked:
                    continue
                text = self.filters[index].push(chunk.text, last=chunk.finish_reason is not None)
                reason: str | None = chunk.finish_reason
                if self.filters[index].blocked:
                    reason = "content_filter"
                    await self.streams[index].aclose()
                if reason:
                    self.reasons.append(reason)
                if self.service.log_content:
                    self.reply.append(text)
                yield index, Chunk(text, chunk.tokens, chunk.finish_reason, chunk.cached_tokens), reason
        if self.interrupted:
            raise Draining("the server is shutting down, and the time that it had for this request is over")

    async def close(self) -> None:
        """Ends what still runs; safe to call twice."""
        if self in self.service.active:
            self.service.active.discard(self)
            for stream in self.streams:
                await stream.aclose()
            self.span.set_attribute("gen_ai.usage.input_tokens", self.prompt_tokens)
            self.span.set_attribute("gen_ai.usage.output_tokens", self.completion_tokens)
            self.span.set_attribute("gen_ai.response.finish_reasons", tuple(self.reasons) or ("abort",))
            if self.service.log_content:
                self.span.set_attribute("gen_ai.completion", "".join(self.reply))
                log.info("reply: %s", "".join(self.reply))
            self.span.end()

    async def interrupt(self) -> None:
        """Ends the choices where they are; their reader gets an error."""
        self.interrupted = True
        for stream in self.streams:
            await stream.aclose()

    async def _one(self) -> AsyncGenerator[tuple[int, Chunk], None]:
        async for chunk in self.streams[0]:
            yield 0, chunk

    def _count(self, chunk: Chunk) -> None:
        if not self.completion_tokens:
            self.span.set_attribute("gen_ai.latency.time_to_first_token", time.perf_counter() - self.started)
        self.completion_tokens += len(chunk.tokens)
        self.cached_tokens = max(self.cached_tokens, chunk.cached_tokens)


async def merge(streams: Sequence[ChunkStream]) -> AsyncGenerator[tuple[int, Chunk], None]:
    """Chunks of several streams in the order in which they come."""

    async def following(index: int) -> tuple[int, Chunk | None]:
        try:
            return index, await anext(streams[index])
        except StopAsyncIteration:
            return index, None

    pending = {asyncio.ensure_future(following(index)) for index in range(len(streams))}
    try:
        while pending:
            done, pending = await asyncio.wait(pending, return_when=asyncio.FIRST_COMPLETED)
            for task in done:
                index, chunk = task.result()
                if chunk is not None:
                    yield index, chunk
                    pending.add(asyncio.ensure_future(following(index)))
    finally:
        for task in pending:
            task.cancel()


class Service:
    def __init__(
        self,
        engine: Engine,
        prompts: Prompts,
        models: Sequence[str],
        guardrails: Guardrails,
        tracer: Tracer,
        *,
        log_content: bool,
        most: int,
    ) -> None:
        """The first of `models` is the base model, the others its adapters. `most` choices run or wait at once."""
        self.engine = engine
        self.prompts = prompts
        self.models = models
        self.guardrails = guardrails
        self.tracer = tracer
        self.log_content = log_content
        self.most = most
        self.accepting = True
        self.draining = False
        self.active: set[Generation] = set()

    @property
    def ready(self) -> bool:
        return self.engine.alive() and not self.draining

    def check(self, model: str) -> None:
        if not self.accepting:
            raise Draining("the server is shutting down; send the request again, and another one will answer it")
        if model not in self.models:
            raise ModelUnknown(f"the model `{model}` does not exist", param="model")

    async def generate(
        self, asked: Request, prompts: Sequence[Sequence[int]], span: Span, *, prefix: str, fill: bool = False
    ) -> Generation:
        """Starts at once, so that a full queue is an answer of its own. `fill`: up to the context by default."""
        if len(prompts) * asked.n > self.most:
            raise RequestError(
                f"{len(prompts)} prompts with n={asked.n} are {len(prompts) * asked.n} choices, and this server runs "
                f"and queues {self.most} in all: send fewer at once",
                param="n" if len(prompts) == 1 else "prompt",
            )
        longest = max(map(len, prompts))
        limit = self._max_tokens(asked, longest, fill)
        name = f"{prefix}-{uuid.uuid4().hex}"
        wanted = [(prompt, choice) for prompt in prompts for choice in range(asked.n)]
        requests = [
            self._request(asked, prompt, choice, limit, f"{name}-{index}")
            for index, (prompt, choice) in enumerate(wanted)
        ]
        streams: list[ChunkStream] = []
        try:
            # Not extend: what was started before a refusal must be known to be ended.
            for request in requests:
                streams.append(self.engine.generate(request))  # noqa: PERF401
        except RequestError:
            await asyncio.gather(*(stream.aclose() for stream in streams))
            raise
        span.set_attribute("gen_ai.request.max_tokens", limit)
        span.set_attribute("gen_ai.request.temperature", asked.temperature)
        generation = Generation(
            service=self,
            id=name,
            model=asked.model,
            created=int(time.time()),
            streams=streams,
            filters=[self.guardrails.reply() for _ in streams],
            prompt_tokens=sum(map(len, prompts)),
            span=span,
        )
        self.active.add(generation)
        return generation

    def _request(self, asked: Request, prompt: Sequence[int], choice: int, limit: int, name: str) -> GenerationRequest:
        return GenerationRequest(
            id=name,
            prompt=tuple(prompt),
            sampling=asked.sampling(choice, limit, self.prompts.vocabulary),
            adapter=asked.model if asked.model != self.models[0] else None,
        )

    def _max_tokens(self, asked: Request, prompt: int, fill: bool) -> int:
        context = self.engine.max_model_len
        if prompt == 0:
            raise RequestError("the prompt has no tokens; give some text", param="prompt")
        wanted = asked.max_tokens or (1 if fill else min(COMPLETION_TOKENS, max(1, context - prompt)))
        if prompt + wanted > context:
            raise ContextTooLong(
                f"this model's maximum context length is {context} tokens; however, you requested {prompt + wanted} "
                f"({prompt} in the prompt, {wanted} in the completion). Shorten either",
                param="messages" if fill else "prompt",
            )
        return asked.max_tokens or (context - prompt if fill else wanted)
