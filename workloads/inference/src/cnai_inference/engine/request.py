"""What goes into an engine and what comes out: the one interface that the server knows."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Literal, Protocol

FinishReason = Literal["stop", "length", "abort", "error"]


@dataclass(frozen=True, kw_only=True)
class Sampling:
    max_tokens: int = 16
    temperature: float = 1.0
    """0 takes the likeliest token each time."""
    top_p: float = 1.0
    top_k: int = 0
    """0: no limit."""
    seed: int | None = None
    stop: tuple[str, ...] = ()
    logprobs: int | None = None
    """How many alternatives to report beside the sampled token; None reports nothing."""
    presence_penalty: float = 0.0
    frequency_penalty: float = 0.0
    logit_bias: Mapping[int, float] = field(default_factory=dict)
    ignore_eos: bool = False

    @property
    def plain_greedy(self) -> bool:
        return self.temperature == 0 and self.logprobs is None and not self.reshapes

    @property
    def reshapes(self) -> bool:
        return bool(self.presence_penalty or self.frequency_penalty or self.logit_bias)


@dataclass(frozen=True, kw_only=True)
class GenerationRequest:
    id: str
    prompt: tuple[int, ...]
    """Token ids, at least one."""
    sampling: Sampling = field(default_factory=Sampling)
    adapter: str | None = None
    """LoRA adapter; None is the base model."""


@dataclass(frozen=True, slots=True)
class Token:
    id: int
    logprob: float | None = None
    top: tuple[tuple[int, float], ...] = ()
    """The likeliest tokens and their log probabilities, where the request asked for them."""


@dataclass(frozen=True, slots=True)
class Chunk:
    """What was generated since the last chunk."""

    text: str
    tokens: tuple[Token, ...]
    finish_reason: FinishReason | None = None
    cached_tokens: int = 0
    """Prompt tokens whose keys and values came from the prefix cache."""


class ChunkStream(Protocol):
    def __aiter__(self) -> "ChunkStream": ...

    async def __anext__(self) -> Chunk: ...

    async def aclose(self) -> None:
        """Stops generating, if it has not ended; safe to call twice."""
        ...


class Engine(Protocol):
    max_model_len: int
    """Prompt and output together, in tokens."""

    async def start(self) -> None: ...

    async def stop(self) -> None: ...

    def generate(self, request: GenerationRequest) -> ChunkStream:
        """Raises QueueFull or ContextTooLong at once, before anything is generated."""
        ...

    def alive(self) -> bool:
        """False once the engine cannot go on: the process should be replaced."""
        ...
