"""Chunks of one request on their way from the engine's thread to the event loop."""

import asyncio
from collections.abc import Callable

from cnai_inference.engine.request import Chunk, Token
from cnai_inference.errors import EngineFailed, RequestError


class Stream:
    """Read and filled in the event loop. A reader that falls behind gets several chunks as one; never the engine waits.

    `limit` bounds what lies unread, in tokens: a reader that far behind loses its stream.
    """

    def __init__(self, cancel: Callable[[], None], limit: int) -> None:
        self._cancel = cancel
        self._limit = limit
        self._pending: list[Chunk] = []
        self._unread = 0
        self._ready = asyncio.Event()
        self._ended = False
        self._error: RequestError | None = None

    def deliver(self, chunk: Chunk) -> None:
        if self._ended:
            return
        self._pending.append(chunk)
        self._unread += len(chunk.tokens)
        self._ended = chunk.finish_reason is not None
        self._ready.set()
        if self._unread > self._limit and not self._ended:
            self.fail(
                EngineFailed(f"the stream was not read: more than {self._limit} tokens waited", code="slow_client")
            )
            self._cancel()

    def fail(self, error: RequestError) -> None:
        if not self._ended:
            self._error = error
            self._ended = True
            self._pending.clear()
            self._ready.set()

    def __aiter__(self) -> "Stream":
        return self

    async def __anext__(self) -> Chunk:
        if not self._pending:
            if not self._ended:
                self._ready.clear()
                await self._ready.wait()
            if self._error:
                raise self._error
            if not self._pending:
                raise StopAsyncIteration
        chunk = merged(self._pending)
        self._pending.clear()
        self._unread = 0
        return chunk

    async def aclose(self) -> None:
        if not self._ended:
            self._ended = True
            self._ready.set()
            self._cancel()


def merged(chunks: list[Chunk]) -> Chunk:
    if len(chunks) == 1:
        return chunks[0]
    tokens: list[Token] = []
    for chunk in chunks:
        tokens.extend(chunk.tokens)
    last = chunks[-1]
    return Chunk("".join(chunk.text for chunk in chunks), tuple(tokens), last.finish_reason, last.cached_tokens)
