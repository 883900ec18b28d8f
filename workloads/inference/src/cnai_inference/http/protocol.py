"""HTTP/1.1 for clients that are slow, silent, or send without end: uvicorn by itself waits for them for ever."""

import asyncio

from uvicorn.protocols.http.httptools_impl import HttpToolsProtocol

HEAD_LIMIT = 64 * 1024
"""Bytes of a request's line and headers."""
THROWN_AWAY = 16 * 2**20
"""Bytes of one request that are read at most, so that who sends a long body gets to see its 413."""
TOO_LONG = (
    b"HTTP/1.1 431 Request Header Fields Too Large\r\nconnection: close\r\ncontent-type: application/json\r\n"
    b"content-length: %d\r\n\r\n%s"
)


def refusal() -> bytes:
    text = b'{"error":{"message":"the request\'s headers are over %d bytes; send shorter ones",' % HEAD_LIMIT
    body = text + b'"type":"invalid_request_error","param":null,"code":"headers_too_large"}}'
    return TOO_LONG % (len(body), body)


class ImpatientProtocol(HttpToolsProtocol):
    """Closes a connection whose request does not arrive, or whose answer is not read, within `stall_s`."""

    stall_s: float
    _timer: asyncio.TimerHandle | None = None
    _unread: asyncio.TimerHandle | None = None
    _in_head = True
    _in_message = False
    _bytes = 0
    _arriving = 0

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]
        super().connection_made(transport)
        # Whatever the kernel does not take at once counts as unread.
        transport.set_write_buffer_limits(high=0)
        self._start()

    def connection_lost(self, exc: Exception | None) -> None:
        self._stop()
        if self._unread:
            self._unread.cancel()
        super().connection_lost(exc)

    def data_received(self, data: bytes) -> None:
        self._bytes += len(data)
        self._arriving = len(data)
        super().data_received(data)
        if self.transport.is_closing():
            return
        if self._in_head and self._bytes > HEAD_LIMIT:
            self.transport.write(refusal())
            self.transport.close()
        elif self._in_message and self._bytes > THROWN_AWAY:
            self.transport.abort()
        elif self._answered and not (self._timer or self.timeout_keep_alive_task):
            # It has its answer already (413, say) and still sends: not for ever.
            self._start()

    @property
    def _answered(self) -> bool:
        return self.cycle is None or self.cycle.response_complete

    def on_message_begin(self) -> None:
        super().on_message_begin()
        self._in_head = self._in_message = True
        # It begins somewhere in what is arriving.
        self._bytes = self._arriving
        self._start()

    def on_headers_complete(self) -> None:
        self._stop()
        self._in_head = False
        super().on_headers_complete()

    def on_message_complete(self) -> None:
        self._stop()
        self._in_message = False
        super().on_message_complete()

    def pause_writing(self) -> None:
        super().pause_writing()
        self._watch(self.transport.get_write_buffer_size())

    def resume_writing(self) -> None:
        if self._unread:
            self._unread.cancel()
        super().resume_writing()

    def _watch(self, size: int) -> None:
        """Goes on as long as something is read."""

        def check() -> None:
            left = self.transport.get_write_buffer_size()
            if left >= size:
                self.transport.abort()
            else:
                self._watch(left)

        self._unread = self.loop.call_later(self.stall_s, check)

    def _start(self) -> None:
        self._stop()
        self._timer = self.loop.call_later(self.stall_s, self.transport.close)

    def _stop(self) -> None:
        if self._timer:
            self._timer.cancel()
            self._timer = None


def impatient(stall_s: float) -> type[HttpToolsProtocol]:
    return type("Impatient", (ImpatientProtocol,), {"stall_s": stall_s})
