"""What a client's connection may do: how long its request may take, and what its going away means."""

import asyncio
from collections.abc import AsyncGenerator, Awaitable, Callable, MutableMapping
from contextlib import aclosing
from typing import Any, TypeVar

from starlette.requests import Request
from starlette.responses import Response

from cnai_inference.errors import RequestError, TimedOut, TooLarge, TooSlow
from cnai_inference.http import errors

T = TypeVar("T")
Receive = Callable[[], Awaitable[MutableMapping[str, Any]]]
Send = Callable[[MutableMapping[str, Any]], Awaitable[None]]


class Gone(Exception):
    """The client has closed its connection."""


async def read_body(request: Request, *, limit: int, timeout_s: float) -> bytes:
    body = bytearray()
    try:
        async with asyncio.timeout(timeout_s):
            async for part in request.stream():
                body += part
                if len(body) > limit:
                    raise TooLarge(f"the request's body is over {limit} bytes; send a shorter one")
    except TimeoutError as error:
        raise TooSlow(f"the request's body did not arrive within {timeout_s:g} s") from error
    return bytes(body)


async def gone(receive: Receive) -> None:
    while (await receive())["type"] != "http.disconnect":
        pass


async def while_connected(receive: Receive, work: Awaitable[T], timeout_s: float) -> T:
    """The work's result; it is cancelled where the client goes away (Gone) or the time is over (TimedOut)."""
    task, watch = asyncio.ensure_future(work), asyncio.ensure_future(gone(receive))
    try:
        await asyncio.wait({task, watch}, timeout=timeout_s, return_when=asyncio.FIRST_COMPLETED)
        if task.done():
            return task.result()
        if watch.done():
            raise Gone
        raise TimedOut(f"the answer was not ready within {timeout_s:g} s")
    finally:
        for one in (task, watch):
            one.cancel()
        await asyncio.gather(task, watch, return_exceptions=True)


class EventStream(Response):
    """Server-sent events; ends with the client or with the time. Who does not read is ended by the protocol."""

    media_type = "text/event-stream"

    def __init__(
        self,
        events: AsyncGenerator[bytes, None],
        close: Callable[[], Awaitable[None]],
        *,
        timeout_s: float,
    ) -> None:
        """`close` is called in every case: a generator that was never begun runs no `finally` of its own."""
        super().__init__(headers={"cache-control": "no-cache", "x-accel-buffering": "no"})
        del self.headers["content-length"]
        self._events = events
        self._close = close
        self._timeout_s = timeout_s

    async def __call__(self, scope: MutableMapping[str, Any], receive: Receive, send: Send) -> None:
        try:
            await send({"type": "http.response.start", "status": 200, "headers": self.raw_headers})
            async with aclosing(self._events):
                try:
                    await while_connected(receive, self._write(send), self._timeout_s)
                except TimedOut as error:
                    await send(part(b"data: " + errors_json(error) + b"\n\n"))
            await send(part(b"", more=False))
        except Gone:
            return
        finally:
            await self._close()

    async def _write(self, send: Send) -> None:
        async for event in self._events:
            await send(part(event))


def part(body: bytes, *, more: bool = True) -> MutableMapping[str, Any]:
    return {"type": "http.response.body", "body": body, "more_body": more}


def errors_json(error: RequestError) -> bytes:
    return bytes(errors.response(error).body)
