"""vLLM behind the same interface, where a GPU is. Not run in this project's tests: they have no GPU.

Written against vLLM's V1 `AsyncLLM`; it batches, caches prefixes and measures by itself.
"""

import json
from collections.abc import AsyncIterator, Mapping
from pathlib import Path
from typing import Any

from prometheus_client import REGISTRY, CollectorRegistry

from cnai_inference.config import ServeOptions
from cnai_inference.engine.request import Chunk, GenerationRequest, Sampling, Token
from cnai_inference.errors import ContextTooLong, EngineFailed, InferenceError, ModelUnknown, QueueFull, RequestError

RANKS = (8, 16, 32, 64, 128, 256, 320, 512)
"""The largest rank for which vLLM makes room is one of these (`vllm.config.lora.MaxLoRARanks`)."""


class VllmStream:
    def __init__(self, engine: "VllmEngine", request: GenerationRequest) -> None:
        self._engine = engine
        self._id = request.id
        self._alternatives = request.sampling.logprobs or 0
        self._outputs = engine.outputs(request)
        self._open = True

    def __aiter__(self) -> "VllmStream":
        return self

    async def __anext__(self) -> Chunk:
        try:
            return chunk_of(await anext(self._outputs), self._alternatives)
        except StopAsyncIteration:
            await self.aclose()
            raise
        except ValueError as error:
            await self.aclose()
            raise RequestError(f"vLLM refuses the request: {error}") from error
        except failures() as error:
            await self.aclose()
            raise EngineFailed("vLLM failed while it had this request; try again") from error

    async def aclose(self) -> None:
        if self._open:
            self._open = False
            await self._engine.ended(self._id)


class VllmEngine:
    def __init__(
        self, directory: Path, adapters: Mapping[str, Path], options: ServeOptions, registry: CollectorRegistry
    ) -> None:
        try:
            from vllm import AsyncEngineArgs
        except ImportError as error:
            raise InferenceError(
                "the engine is vllm, and vllm is not installed: install cnai-inference[vllm]"
            ) from error
        self._arguments = AsyncEngineArgs(
            model=str(directory),
            served_model_name=options.served_name,
            max_num_seqs=options.rows,
            max_model_len=options.max_model_len or None,
            enable_prefix_caching=options.prefix_tokens > 0,
            enable_lora=bool(adapters),
            max_loras=max(1, len(adapters)),
            max_lora_rank=largest_rank(adapters),
            enable_log_requests=False,
        )
        self.max_model_len = self._arguments.create_model_config().max_model_len
        self._adapters = {name: (index, str(path)) for index, (name, path) in enumerate(adapters.items(), start=1)}
        self._most = options.rows + options.waiting
        self._running: set[str] = set()
        self._engine: Any = None
        registry.register(VllmMetrics())

    async def start(self) -> None:
        from vllm.v1.engine.async_llm import AsyncLLM

        self._engine = AsyncLLM.from_engine_args(self._arguments)

    async def stop(self) -> None:
        if self._engine is not None:
            self._engine.shutdown()

    def alive(self) -> bool:
        return self._engine is None or not self._engine.errored

    def generate(self, request: GenerationRequest) -> VllmStream:
        if request.adapter and request.adapter not in self._adapters:
            raise ModelUnknown(f"the model `{request.adapter}` does not exist", param="model")
        if len(request.prompt) >= self.max_model_len:
            raise ContextTooLong(
                f"this model's maximum context length is {self.max_model_len} tokens; shorten the prompt"
            )
        if len(self._running) >= self._most:
            raise QueueFull(f"{len(self._running)} requests run or wait already; try again later", retry_after_s=1)
        self._running.add(request.id)
        return VllmStream(self, request)

    def outputs(self, request: GenerationRequest) -> AsyncIterator[Any]:
        from vllm.inputs import TokensPrompt
        from vllm.lora.request import LoRARequest

        lora = None
        if request.adapter:
            number, path = self._adapters[request.adapter]
            lora = LoRARequest(request.adapter, number, path)
        prompt = TokensPrompt(prompt_token_ids=list(request.prompt))
        return self._engine.generate(prompt, parameters(request.sampling), request.id, lora_request=lora)

    async def ended(self, request_id: str) -> None:
        self._running.discard(request_id)
        await self._engine.abort(request_id)


def largest_rank(adapters: Mapping[str, Path]) -> int:
    """The least of vLLM's that holds every adapter; InferenceError where none does."""
    most = RANKS[0]
    for name, path in adapters.items():
        try:
            config = json.loads((path / "adapter_config.json").read_text())
            rank = max(config["r"], *(config.get("rank_pattern") or {}).values(), 0)
        except (OSError, ValueError, KeyError, TypeError) as error:
            raise InferenceError(
                f"the adapter {name} at {path} has no adapter_config.json with its rank `r`: save it with peft"
            ) from error
        if rank > RANKS[-1]:
            raise InferenceError(f"the adapter {name} has rank {rank}, and vLLM takes up to {RANKS[-1]}")
        most = max(most, next(size for size in RANKS if size >= rank))
    return most


class VllmMetrics:
    """vLLM registers its metrics globally; this shows them on our page."""

    def collect(self):
        return (metric for metric in REGISTRY.collect() if metric.name.startswith("vllm:"))


def failures() -> tuple[type[Exception], ...]:
    """What vLLM raises where it is not the request's fault."""
    from vllm.v1.engine.exceptions import EngineDeadError, EngineGenerateError

    return EngineDeadError, EngineGenerateError


def parameters(sampling: Sampling) -> Any:
    from vllm.sampling_params import RequestOutputKind, SamplingParams

    return SamplingParams(
        max_tokens=sampling.max_tokens,
        temperature=sampling.temperature,
        top_p=sampling.top_p,
        top_k=sampling.top_k or -1,
        seed=sampling.seed,
        stop=list(sampling.stop),
        logprobs=sampling.logprobs,
        presence_penalty=sampling.presence_penalty,
        frequency_penalty=sampling.frequency_penalty,
        logit_bias=dict(sampling.logit_bias) or None,
        ignore_eos=sampling.ignore_eos,
        output_kind=RequestOutputKind.DELTA,
    )


def chunk_of(output: Any, alternatives: int) -> Chunk:
    completion = output.outputs[0]
    known = completion.logprobs or [{}] * len(completion.token_ids)
    pairs = zip(completion.token_ids, known, strict=True)
    tokens = tuple(token_of(token, logprobs, alternatives) for token, logprobs in pairs)
    return Chunk(completion.text, tokens, completion.finish_reason, output.num_cached_tokens or 0)


def token_of(token: int, logprobs: Mapping[int, Any], alternatives: int) -> Token:
    """vLLM lists the sampled token too, wherever it ranks."""
    if token not in logprobs:
        return Token(token)
    ranked = sorted(logprobs.items(), key=lambda entry: entry[1].rank)
    top = tuple((other, entry.logprob) for other, entry in ranked[:alternatives])
    return Token(token, logprobs[token].logprob, top)
