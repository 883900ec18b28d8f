"""A transformers model as the step loop calls it: tokens and a view of the cache in, one row of logits each out."""

from collections.abc import Sequence
from typing import Any

import torch
from torch import Tensor
from transformers import PreTrainedModel

from cnai_inference.engine.kv import SlotCache, StepCache, causal
from cnai_inference.errors import InferenceError


class CausalModel:
    """`model` may be wrapped by peft; then `adapters` are the names that a request may use."""

    def __init__(self, model: Any, adapters: Sequence[str] = ()) -> None:
        self._model = model.eval()
        self.adapters = tuple(adapters)
        self.config = model.config
        refuse_other_attention(self.config)
        self.eos = end_tokens(model)

    @property
    def module(self) -> torch.nn.Module:
        return self._model

    @property
    def context(self) -> int:
        return int(self.config.max_position_embeddings)

    def cache_bytes(self, *, rows: int, tokens: int) -> int:
        """What the cache takes once it has grown to `tokens`."""
        one = self.cache(rows=1, limit=1)
        return one.data.element_size() * one.data.numel() * rows * tokens

    def cache(self, *, rows: int, limit: int) -> SlotCache:
        config = self.config
        heads = config.num_attention_heads
        return SlotCache(
            layers=config.num_hidden_layers,
            rows=rows,
            kv_heads=getattr(config, "num_key_value_heads", None) or heads,
            head_size=getattr(config, "head_dim", None) or config.hidden_size // heads,
            limit=limit,
            dtype=self._model.dtype,
        )

    def prefill(
        self,
        cache: SlotCache,
        first: int,
        starts: Sequence[int],
        chunks: Sequence[Sequence[int]],
        adapters: Sequence[str | None],
    ) -> Tensor:
        """Runs chunks of different lengths, padded on the right; logits of each chunk's last token.

        What padding writes lies behind the row's end, where later tokens overwrite it before anything looks there.
        """
        width = max(map(len, chunks))
        ids = torch.tensor([[*chunk, *[0] * (width - len(chunk))] for chunk in chunks])
        cache.reserve(max(starts) + width)
        last = torch.tensor([len(chunk) - 1 for chunk in chunks])
        kept, inverse = last.unique(return_inverse=True)
        logits = self._forward(cache, first, starts, ids, adapters, kept)
        return logits[torch.arange(len(chunks)), inverse]

    def decode(
        self, cache: SlotCache, starts: Sequence[int], tokens: Sequence[int], adapters: Sequence[str | None]
    ) -> Tensor:
        """One token for each of the first rows."""
        cache.reserve(max(starts) + 1)
        return self._forward(cache, 0, starts, torch.tensor(tokens)[:, None], adapters, 1)[:, -1]

    def _forward(
        self,
        cache: SlotCache,
        first: int,
        starts: Sequence[int],
        ids: Tensor,
        adapters: Sequence[str | None],
        logits_to_keep: Tensor | int,
    ) -> Tensor:
        positions, mask, length = causal(starts, ids.shape[1])
        named = {"adapter_names": [name or "__base__" for name in adapters]} if self.adapters else {}
        return self._model(
            input_ids=ids,
            attention_mask=mask,
            position_ids=positions,
            past_key_values=StepCache(cache, first, positions, length),
            use_cache=True,
            logits_to_keep=logits_to_keep,
            **named,
        ).logits


def refuse_other_attention(config: Any) -> None:
    kinds = set(getattr(config, "layer_types", None) or ["full_attention"])
    sliding = getattr(config, "sliding_window", None) if getattr(config, "use_sliding_window", True) else None
    if kinds != {"full_attention"} or sliding:
        raise InferenceError(
            f"the batching engine runs models with full attention in every layer; {config.model_type} has "
            f"{', '.join(sorted(kinds))}{' with a window' if sliding else ''}: serve it with --engine vllm"
        )


def end_tokens(model: PreTrainedModel) -> frozenset[int]:
    generation = getattr(model, "generation_config", None)
    eos = getattr(generation, "eos_token_id", None)
    if eos is None:
        eos = model.config.eos_token_id
    if eos is None:
        return frozenset()
    return frozenset(eos if isinstance(eos, list | tuple) else [eos])
