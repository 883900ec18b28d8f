"""Answers in OpenAI's shapes: whole ones through the `openai` package's types, streamed ones as events."""

import json
from collections.abc import AsyncGenerator, Callable, Sequence
from contextlib import aclosing
from dataclasses import dataclass, field
from itertools import accumulate
from typing import Any

from openai.types import Completion
from openai.types.chat import ChatCompletion

from cnai_inference.engine import Token
from cnai_inference.errors import RequestError
from cnai_inference.http import errors
from cnai_inference.http.prompts import Prompts
from cnai_inference.http.service import Generation

DONE = b"data: [DONE]\n\n"


def usage(generation: Generation) -> dict[str, Any]:
    return {
        "prompt_tokens": generation.prompt_tokens,
        "completion_tokens": generation.completion_tokens,
        "total_tokens": generation.prompt_tokens + generation.completion_tokens,
        "prompt_tokens_details": {"cached_tokens": generation.cached_tokens},
    }


def chat_logprobs(tokens: Sequence[Token], prompts: Prompts) -> dict[str, Any] | None:
    def entry(token_id: int, logprob: float) -> dict[str, Any]:
        text, raw = prompts.token(token_id)
        return {"token": text, "logprob": logprob, "bytes": raw}

    content = [
        entry(token.id, token.logprob) | {"top_logprobs": [entry(*other) for other in token.top]}
        for token in tokens
        if token.logprob is not None
    ]
    return {"content": content, "refusal": None} if content else None


def text_logprobs(tokens: Sequence[Token], prompts: Prompts, offset: int = 0) -> dict[str, Any] | None:
    if not tokens or tokens[0].logprob is None:
        return None
    texts = [prompts.token(token.id)[0] for token in tokens]
    ends = accumulate(map(len, texts), initial=offset)
    return {
        "text_offset": list(ends)[:-1],
        "token_logprobs": [token.logprob for token in tokens],
        "tokens": texts,
        "top_logprobs": [{prompts.token(other)[0]: logprob for other, logprob in token.top} for token in tokens],
    }


@dataclass
class Shape:
    """How one endpoint writes a choice."""

    object: str
    streamed: str
    choice: Callable[[str, Sequence[Token], str | None], dict[str, Any]]
    delta: Callable[[str, Sequence[Token], str | None], dict[str, Any]]
    whole: type[ChatCompletion] | type[Completion]
    opening: dict[str, Any] | None = None
    """The first delta of a choice."""


def chat_shape(prompts: Prompts) -> Shape:
    def choice(text: str, tokens: Sequence[Token], reason: str | None) -> dict[str, Any]:
        message = {"role": "assistant", "content": text, "refusal": None}
        return {"message": message, "logprobs": chat_logprobs(tokens, prompts), "finish_reason": reason}

    def delta(text: str, tokens: Sequence[Token], reason: str | None) -> dict[str, Any]:
        content = {"content": text} if text or not reason else {}
        return {"delta": content, "logprobs": chat_logprobs(tokens, prompts), "finish_reason": reason}

    opening = {"delta": {"role": "assistant", "content": ""}, "logprobs": None, "finish_reason": None}
    return Shape("chat.completion", "chat.completion.chunk", choice, delta, ChatCompletion, opening)


def completion_shape(prompts: Prompts) -> Shape:
    def choice(text: str, tokens: Sequence[Token], reason: str | None) -> dict[str, Any]:
        return {"text": text, "logprobs": text_logprobs(tokens, prompts), "finish_reason": reason}

    return Shape("text_completion", "text_completion", choice, choice, Completion)


@dataclass
class Reply:
    text: list[str] = field(default_factory=list)
    tokens: list[Token] = field(default_factory=list)
    reason: str | None = None


async def whole(generation: Generation, shape: Shape) -> dict[str, Any]:
    replies = [Reply() for _ in generation.streams]
    async with aclosing(generation.chunks()) as chunks:
        async for index, chunk, reason in chunks:
            replies[index].text.append(chunk.text)
            replies[index].tokens.extend(chunk.tokens)
            replies[index].reason = reason
    answer = {
        "id": generation.id,
        "object": shape.object,
        "created": generation.created,
        "model": generation.model,
        "choices": [
            {"index": index, **shape.choice("".join(reply.text), reply.tokens, reply.reason)}
            for index, reply in enumerate(replies)
        ],
        "usage": usage(generation),
    }
    return shape.whole.model_validate(answer).model_dump(exclude_unset=True)


ENCODE = json.JSONEncoder(ensure_ascii=False, separators=(",", ":")).encode


def event(data: dict[str, Any]) -> bytes:
    return f"data: {ENCODE(data)}\n\n".encode()


@dataclass
class Frame:
    """What every event of one stream has in common, written once: there is an event for each token."""

    generation: Generation
    shape: Shape
    include_usage: bool

    def __post_init__(self) -> None:
        generation = self.generation
        self._head = {
            "id": generation.id,
            "object": self.shape.streamed,
            "created": generation.created,
            "model": generation.model,
        }
        self._before = f'data: {ENCODE(self._head)[:-1]},"choices":['
        self._after = '],"usage":null}\n\n' if self.include_usage else "]}\n\n"
        self._written = [0] * len(generation.streams)

    def of(self, index: int, choice: dict[str, Any]) -> bytes:
        logprobs = choice["logprobs"]
        if logprobs and "text_offset" in logprobs:
            logprobs["text_offset"] = [self._written[index] + at for at in logprobs["text_offset"]]
            self._written[index] += sum(map(len, logprobs["tokens"]))
        return f"{self._before}{ENCODE({'index': index, **choice})}{self._after}".encode()

    def usage(self) -> bytes:
        return event({**self._head, "choices": [], "usage": usage(self.generation)})


async def events(generation: Generation, shape: Shape, include_usage: bool) -> AsyncGenerator[bytes, None]:
    frame = Frame(generation, shape, include_usage)
    try:
        if shape.opening:
            for index in range(len(generation.streams)):
                yield frame.of(index, shape.opening)
        async with aclosing(generation.chunks()) as chunks:
            async for index, chunk, reason in chunks:
                asked = bool(chunk.tokens) and chunk.tokens[0].logprob is not None
                if chunk.text or reason or asked:
                    yield frame.of(index, shape.delta(chunk.text, chunk.tokens, reason))
        if include_usage:
            yield frame.usage()
        yield DONE
    except RequestError as error:
        # The status line is out already; the API's clients know an error by this event.
        yield event(errors.of(error))
