"""The step loop's batch: requests join and leave between steps, prompts run in chunks between decoding steps."""

import random
import time
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field

import torch
from tokenizers import Tokenizer
from torch import Tensor

from cnai_inference.engine.model import CausalModel
from cnai_inference.engine.prefix import PrefixCache
from cnai_inference.engine.request import Chunk, FinishReason, GenerationRequest, Sampling, Token
from cnai_inference.engine.sampling import sample
from cnai_inference.engine.text import TextStream


@dataclass(eq=False)
class Row:
    """One request while it runs."""

    request: GenerationRequest
    text: TextStream
    arrived: float = field(default_factory=time.perf_counter)
    scheduled: float = 0.0
    first: float = 0.0
    last: float = 0.0
    length: int = 0
    """Tokens whose keys and values are in the cache."""
    cached: int = 0
    output: list[int] = field(default_factory=list)
    counts: dict[int, int] = field(default_factory=dict)
    cancelled: bool = False
    finished: FinishReason | None = None

    def __post_init__(self) -> None:
        self._random = random.Random(self.request.sampling.seed)

    @property
    def sampling(self) -> Sampling:
        return self.request.sampling

    def uniform(self) -> float:
        return self._random.random()


class Batch:
    """Rows in the cache: first those that decode, then those whose prompt is still running."""

    def __init__(
        self, model: CausalModel, tokenizer: Tokenizer, *, rows: int, max_len: int, prefill: int, prefix: int
    ) -> None:
        self.model = model
        self.tokenizer = tokenizer
        self.rows = rows
        self.max_len = max_len
        self._prefill_budget = prefill
        # Padding of a last chunk may reach past the context.
        self.cache = model.cache(rows=rows, limit=max_len + prefill)
        self.prefix = PrefixCache(prefix)
        self.decoding: list[Row] = []
        self.prefilling: list[Row] = []
        self._prefilled = False
        self.step_tokens = 0

    def __len__(self) -> int:
        return len(self.decoding) + len(self.prefilling)

    @property
    def room(self) -> int:
        return self.rows - len(self)

    @property
    def usage(self) -> float:
        """Share of the cache that is filled, 0 to 1."""
        return sum(row.length for row in self.all()) / (self.rows * self.max_len)

    def all(self) -> Sequence[Row]:
        return [*self.decoding, *self.prefilling]

    def new_row(self, request: GenerationRequest) -> Row:
        return Row(request, TextStream(self.tokenizer, request.sampling.stop))

    def add(self, row: Row) -> None:
        row.scheduled = time.perf_counter()
        prompt, adapter = row.request.prompt, row.request.adapter
        row.cached = row.length = self.prefix.load(self.cache, len(self), prompt, adapter)
        self.prefilling.append(row)

    def remove(self, row: Row) -> None:
        """Closes the gap, so that rows in use stay side by side."""
        if row in self.prefilling:
            at, last = self.prefilling.index(row), self.prefilling[-1]
            self._move(last, len(self) - 1, len(self.decoding) + at)
            self.prefilling[at] = last
            self.prefilling.pop()
            return
        at, last = self.decoding.index(row), self.decoding[-1]
        self._move(last, len(self.decoding) - 1, at)
        self.decoding[at] = last
        self.decoding.pop()
        if self.prefilling:
            moved = self.prefilling.pop()
            self._move(moved, len(self) + 1, len(self.decoding))
            self.prefilling.insert(0, moved)

    def _move(self, row: Row, source: int, target: int) -> None:
        self.cache.move(source, target, row.length)

    def _promote(self, row: Row) -> None:
        at, first = self.prefilling.index(row), self.prefilling[0]
        border = len(self.decoding)
        self.cache.swap(border, border + at, max(row.length, first.length))
        self.prefilling[at] = first
        self.prefilling.pop(0)
        self.decoding.append(row)

    @torch.inference_mode()
    def step(self) -> list[tuple[Row, Chunk]]:
        """A chunk of the waiting prompts, or one token for every decoding row, in turn."""
        self._prefilled = bool(self.prefilling) and not (self.decoding and self._prefilled)
        return self._prefill() if self._prefilled else self._decode()

    def _prefill(self) -> list[tuple[Row, Chunk]]:
        chunks = self._chunks()
        rows = self.prefilling[: len(chunks)]
        starts = [row.length for row in rows]
        logits = self.model.prefill(self.cache, len(self.decoding), starts, chunks, adapters(rows))
        for row, chunk in zip(rows, chunks, strict=True):
            row.length += len(chunk)
        self.step_tokens = sum(map(len, chunks))
        ready = [at for at, row in enumerate(rows) if row.length == len(row.request.prompt)]
        for at in ready:
            self._promote(rows[at])
            self._remember(rows[at], rows[at].request.prompt)
        return self._sampled(logits[ready], [rows[at] for at in ready]) if ready else []

    def _chunks(self) -> list[tuple[int, ...]]:
        """The next tokens of the first prompts: as many as fit the budget once they are padded to one length."""
        chunks: list[tuple[int, ...]] = []
        width = 0
        for row in self.prefilling:
            chunk = row.request.prompt[row.length : row.length + self._prefill_budget]
            width = max(width, len(chunk))
            if chunks and width * (len(chunks) + 1) > self._prefill_budget:
                break
            chunks.append(chunk)
        return chunks

    def _decode(self) -> list[tuple[Row, Chunk]]:
        rows = list(self.decoding)
        starts = [row.length for row in rows]
        logits = self.model.decode(self.cache, starts, [row.output[-1] for row in rows], adapters(rows))
        for row in rows:
            row.length += 1
        self.step_tokens = len(rows)
        return self._sampled(logits, rows)

    def _sampled(self, logits: Tensor, rows: Sequence[Row]) -> list[tuple[Row, Chunk]]:
        tokens = sample(logits, rows)
        chunks = [(row, self._accept(row, token)) for row, token in zip(rows, tokens, strict=True)]
        for row, chunk in chunks:
            if chunk.finish_reason:
                self._remember(row, (*row.request.prompt, *row.output)[: row.length])
                self.remove(row)
        return chunks

    def _remember(self, row: Row, tokens: Sequence[int]) -> None:
        self.prefix.store(self.cache, self.decoding.index(row), tokens, row.request.adapter)

    def _accept(self, row: Row, token: Token) -> Chunk:
        row.output.append(token.id)
        row.counts[token.id] = row.counts.get(token.id, 0) + 1
        ended = token.id in self.model.eos and not row.sampling.ignore_eos
        text, stopped = ("", False) if ended else row.text.push(token.id)
        full = len(row.request.prompt) + len(row.output) >= self.max_len
        if ended or stopped:
            row.finished = "stop"
        elif full or len(row.output) >= row.sampling.max_tokens:
            row.finished = "length"
        if row.finished and not stopped:
            rest, stopped = row.text.finish()
            text, row.finished = text + rest, "stop" if stopped else row.finished
        return Chunk(text, (token,), row.finished, row.cached)


def adapters(rows: Iterable[Row]) -> list[str | None]:
    return [row.request.adapter for row in rows]
