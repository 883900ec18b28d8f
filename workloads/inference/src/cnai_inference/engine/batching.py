"""Continuous batching on the CPU: one thread runs the steps, requests come and go between them."""

import asyncio
import logging
import math
import threading
from collections import deque
from dataclasses import dataclass

import torch

from cnai_inference.engine.request import Chunk, GenerationRequest
from cnai_inference.engine.step import Batch, Row
from cnai_inference.engine.stream import Stream
from cnai_inference.errors import ContextTooLong, EngineFailed, ModelUnknown, QueueFull
from cnai_inference.metrics import EngineMetrics

log = logging.getLogger(__name__)

FAILURES = 3
"""Failed steps in a row after which the engine gives up."""


@dataclass(frozen=True, kw_only=True)
class BatchingOptions:
    rows: int = 16
    """Requests that run at once."""
    waiting: int = 64
    """Requests that may wait for a row; one more is refused."""
    max_model_len: int = 0
    """Prompt and output together, in tokens; 0 takes the model's own."""
    prefill_tokens: int = 512
    """Prompt tokens that one step takes at most, so that a long prompt does not hold up the others."""
    prefix_tokens: int = 16384
    """Tokens whose keys and values are kept for later prompts that begin alike; 0 turns it off."""
    unread_tokens: int = 4096
    """Tokens that may wait for a slow reader before its request is dropped."""
    threads: int = 0
    """Threads for tensor operations; 0 leaves it to torch (OMP_NUM_THREADS)."""


class BatchingEngine:
    def __init__(self, batch: Batch, options: BatchingOptions, metrics: EngineMetrics) -> None:
        self.max_model_len = batch.max_len
        self._batch = batch
        self._options = options
        self._metrics = metrics
        self._waiting: deque[Row] = deque()
        self._streams: dict[Row, Stream] = {}
        self._changed = threading.Condition()
        self._stopping = False
        self._failures = 0
        self._loop: asyncio.AbstractEventLoop | None = None
        metrics.watch(running=lambda: len(batch), waiting=lambda: len(self._waiting), usage=lambda: batch.usage)
        self._thread = threading.Thread(target=self._run, name="engine", daemon=True)

    async def start(self) -> None:
        self._loop = asyncio.get_running_loop()
        self._thread.start()

    async def stop(self) -> None:
        with self._changed:
            self._stopping = True
            self._changed.notify()
        await asyncio.to_thread(self._thread.join)

    def alive(self) -> bool:
        return self._failures < FAILURES and (self._thread.is_alive() or self._loop is None)

    def generate(self, request: GenerationRequest) -> Stream:
        self._check(request)
        row = self._batch.new_row(request)
        stream = Stream(lambda: self._cancel(row), self._options.unread_tokens)
        with self._changed:
            # Those that have a free row ahead of them only wait for the step to end.
            if len(self._waiting) >= self._options.waiting + self._batch.room:
                raise QueueFull(
                    f"{len(self._waiting)} requests are waiting already; try again later",
                    retry_after_s=self._retry_after(),
                )
            self._waiting.append(row)
            self._streams[row] = stream
            self._changed.notify()
        return stream

    def _check(self, request: GenerationRequest) -> None:
        if not self.alive():
            raise EngineFailed("the engine has stopped after repeated failures; the server needs a restart")
        if request.adapter and request.adapter not in self._batch.model.adapters:
            raise ModelUnknown(f"the model `{request.adapter}` does not exist", param="model")
        if len(request.prompt) >= self.max_model_len:
            raise ContextTooLong(
                f"this model's maximum context length is {self.max_model_len} tokens, "
                f"and the prompt has {len(request.prompt)}; shorten it",
                param="messages",
            )

    def _retry_after(self) -> int:
        """Seconds until the queue has moved by about one batch, from how long requests ran lately."""
        return max(1, math.ceil(self._metrics.mean_run_s * len(self._waiting) / self._options.rows))

    def _cancel(self, row: Row) -> None:
        with self._changed:
            if self._streams.pop(row, None) is None:
                # It has finished meanwhile.
                return
            row.cancelled = True
            if row in self._waiting:
                self._waiting.remove(row)
            self._changed.notify()
        self._metrics.finished(row, "abort")

    def _run(self) -> None:
        if self._options.threads:
            torch.set_num_threads(self._options.threads)
        while self._wait():
            try:
                self._admit()
                results = self._batch.step() if len(self._batch) else []
                self._failures = 0
            # Whatever a kernel or the allocator raises: the rows of this step are lost, the next may do.
            except Exception:
                log.exception("a step with %d rows failed", len(self._batch))
                self._failures += 1
                self._drop(waiting=False)
                continue
            self._report(results)
        self._drop(waiting=True)

    def _wait(self) -> bool:
        """Until there is work; False ends the thread."""
        with self._changed:
            while not (self._stopping or self._waiting or len(self._batch)):
                self._changed.wait()
            return not self._stopping and self._failures < FAILURES

    def _admit(self) -> None:
        """Lets go of what was cancelled and takes in what has room."""
        for row in [row for row in self._batch.all() if row.cancelled]:
            self._batch.remove(row)
        with self._changed:
            room = min(self._batch.room, len(self._waiting))
            admitted = [self._waiting.popleft() for _ in range(room)]
        for row in admitted:
            self._batch.add(row)

    def _report(self, results: list[tuple[Row, Chunk]]) -> None:
        deliveries = []
        for row, chunk in results:
            self._metrics.token(row)
            with self._changed:
                stream = self._streams.get(row)
                if chunk.finish_reason:
                    self._streams.pop(row, None)
            if stream:
                deliveries.append((stream, chunk))
                if chunk.finish_reason:
                    self._metrics.finished(row, chunk.finish_reason)
        if results:
            self._metrics.step(self._batch.step_tokens)
        self._in_loop(deliveries)

    def _drop(self, *, waiting: bool) -> None:
        """Fails the requests that run, and those that wait too where nothing will come to run them."""
        for row in self._batch.all():
            self._batch.remove(row)
        with self._changed:
            if waiting:
                self._waiting.clear()
            lost = [row for row in self._streams if row not in self._waiting]
            streams = [self._streams.pop(row) for row in lost]
        for row in lost:
            self._metrics.finished(row, "error")
        error = EngineFailed("the engine failed or ended while it had this request; try again")
        self._in_loop([(stream, error) for stream in streams])

    def _in_loop(self, deliveries: list[tuple[Stream, Chunk | EngineFailed]]) -> None:
        if self._loop and not self._loop.is_closed() and deliveries:
            self._loop.call_soon_threadsafe(deliver, deliveries)


def deliver(deliveries: list[tuple[Stream, Chunk | EngineFailed]]) -> None:
    for stream, item in deliveries:
        if isinstance(item, Chunk):
            stream.deliver(item)
        else:
            stream.fail(item)
