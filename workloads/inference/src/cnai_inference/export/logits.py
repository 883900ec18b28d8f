"""The part of a model that is exported: tokens to logits, without a cache, any batch and length."""

from pathlib import Path
from typing import Any

import torch
from torch import Tensor, nn
from torch.export import Dim

from cnai_inference.loading import load_model


class Logits(nn.Module):
    """`input_ids` [batch, length] to [batch, length, vocabulary]; pad on the right, causality hides it."""

    def __init__(self, model: nn.Module) -> None:
        super().__init__()
        self.model: Any = model

    def forward(self, input_ids: Tensor) -> Tensor:
        length = input_ids.shape[1]
        causal = torch.ones(length, length, dtype=torch.bool, device=input_ids.device).tril()[None, None]
        return self.model(input_ids=input_ids, attention_mask=causal, use_cache=False).logits


def load(directory: Path) -> Logits:
    return Logits(load_model(directory, {}).module).eval()


def example(model: Logits, *, batch: int = 2, length: int = 8) -> Tensor:
    source = torch.Generator().manual_seed(0)
    return torch.randint(0, model.model.config.vocab_size, (batch, length), generator=source)


def shapes(model: Logits) -> dict[str, Any]:
    return {"input_ids": {0: Dim("batch", max=1024), 1: Dim("length", max=model.model.config.max_position_embeddings)}}
