"""A decoder-only transformer in the Llama shape, with Hugging Face's module names, readable top to bottom."""

import math
from collections.abc import Callable, Iterable
from dataclasses import dataclass

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from cnai_training.errors import TrainingError
from cnai_training.linear import Linear


@dataclass(frozen=True, kw_only=True)
class ModelConfig:
    vocab_size: int
    """Rows of the embedding; the tokenizer may use fewer."""
    hidden_size: int = 256
    intermediate_size: int = 0
    """Width of the gated MLP; 0 takes 8/3 of the hidden size, rounded up to a multiple of 64."""
    layers: int = 4
    heads: int = 4
    kv_heads: int = 2
    """Heads of keys and values (grouped-query attention); divides `heads`."""
    context: int = 512
    """Longest sequence in tokens."""
    rope_theta: float = 10000.0
    norm_eps: float = 1e-5
    tie_embeddings: bool = False
    """One matrix for the embedding and the output."""

    def __post_init__(self) -> None:
        if self.intermediate_size == 0:
            object.__setattr__(self, "intermediate_size", math.ceil(self.hidden_size * 8 / 3 / 64) * 64)
        for name in ("vocab_size", "hidden_size", "layers", "heads", "kv_heads", "context"):
            if getattr(self, name) < 1:
                raise TrainingError(f"model.{name} is {getattr(self, name)}; give at least 1")
        if self.hidden_size % self.heads or self.heads % self.kv_heads:
            raise TrainingError(
                f"model.heads={self.heads} must divide hidden_size={self.hidden_size}, "
                f"and kv_heads={self.kv_heads} must divide heads; change one of them"
            )
        if self.head_size % 2:
            raise TrainingError(f"hidden_size / heads is {self.head_size}; rotary embeddings need an even number")

    @property
    def head_size(self) -> int:
        return self.hidden_size // self.heads


class RMSNorm(nn.Module):
    def __init__(self, size: int, eps: float) -> None:
        super().__init__()
        self.eps = eps
        self.weight = nn.Parameter(torch.ones(size))

    def forward(self, x: Tensor) -> Tensor:
        return F.rms_norm(x, self.weight.shape, self.weight, self.eps)


def rotary(config: ModelConfig, length: int, device: torch.device) -> tuple[Tensor, Tensor]:
    """Cosines and sines, `[length, head_size / 2]`, in float32."""
    exponents = torch.arange(0, config.head_size, 2, dtype=torch.float32, device=device) / config.head_size
    angles = torch.outer(torch.arange(length, dtype=torch.float32, device=device), config.rope_theta**-exponents)
    return angles.cos(), angles.sin()


def rotate(x: Tensor, cos: Tensor, sin: Tensor) -> Tensor:
    """Rotates `[batch, heads, length, head_size]` as Hugging Face's Llama does: first half against second half."""
    a, b = x.chunk(2, dim=-1)
    return torch.cat((torch.addcmul(a * cos, b, sin, value=-1), torch.addcmul(b * cos, a, sin)), dim=-1)


class Attention(nn.Module):
    def __init__(self, config: ModelConfig) -> None:
        super().__init__()
        self.head_size = config.head_size
        kv_size = config.kv_heads * config.head_size
        self.q_proj = Linear(config.hidden_size, config.hidden_size)
        self.k_proj = Linear(config.hidden_size, kv_size)
        self.v_proj = Linear(config.hidden_size, kv_size)
        self.o_proj = Linear(config.hidden_size, config.hidden_size)

    def forward(self, x: Tensor, cos: Tensor, sin: Tensor, mask: Tensor | None) -> Tensor:
        # Heads are counted from the projections' width: under tensor parallelism each rank has its share.
        q, k, v = (
            proj(x).unflatten(-1, (-1, self.head_size)).transpose(1, 2)
            for proj in (self.q_proj, self.k_proj, self.v_proj)
        )
        q, k = rotate(q, cos, sin), rotate(k, cos, sin)
        y = F.scaled_dot_product_attention(q, k, v, attn_mask=mask, is_causal=mask is None, enable_gqa=True)
        return self.o_proj(y.transpose(1, 2).flatten(-2))


class MLP(nn.Module):
    def __init__(self, config: ModelConfig) -> None:
        super().__init__()
        self.gate_proj = Linear(config.hidden_size, config.intermediate_size)
        self.up_proj = Linear(config.hidden_size, config.intermediate_size)
        self.down_proj = Linear(config.intermediate_size, config.hidden_size)

    def forward(self, x: Tensor) -> Tensor:
        return self.down_proj(F.silu(self.gate_proj(x)) * self.up_proj(x))


class Block(nn.Module):
    def __init__(self, config: ModelConfig) -> None:
        super().__init__()
        self.input_layernorm = RMSNorm(config.hidden_size, config.norm_eps)
        self.self_attn = Attention(config)
        self.post_attention_layernorm = RMSNorm(config.hidden_size, config.norm_eps)
        self.mlp = MLP(config)

    def forward(self, x: Tensor, cos: Tensor, sin: Tensor, mask: Tensor | None) -> Tensor:
        x = x + self.self_attn(self.input_layernorm(x), cos, sin, mask)
        return x + self.mlp(self.post_attention_layernorm(x))


class Decoder(nn.Module):
    """The layers `first` to `last`; the embedding and the final norm only where the model begins and ends."""

    def __init__(self, config: ModelConfig, first: int, last: int) -> None:
        super().__init__()
        self.config = config
        if first == 0:
            self.embed_tokens = nn.Embedding(config.vocab_size, config.hidden_size)
        self.layers = nn.ModuleDict({str(index): Block(config) for index in range(first, last)})
        if last == config.layers:
            self.norm = RMSNorm(config.hidden_size, config.norm_eps)

    def forward(self, x: Tensor, documents: Tensor | None, length: int) -> Tensor:
        if hasattr(self, "embed_tokens"):
            x = self.embed_tokens(x)
        cos, sin = (table.to(x.dtype) for table in rotary(self.config, length, x.device))
        mask = None if documents is None else same_document(documents)
        for block in self.layers.values():
            x = block(x, cos, sin, mask)
        return self.norm(x) if hasattr(self, "norm") else x


def same_document(documents: Tensor) -> Tensor:
    """`[batch, 1, length, length]`: a token sees earlier tokens of its own document in a packed row."""
    length = documents.shape[1]
    causal = torch.ones(length, length, dtype=torch.bool, device=documents.device).tril()
    return (documents[:, None, :, None] == documents[:, None, None, :]) & causal


class Llama(nn.Module):
    """Tokens `[batch, length]` to logits `[batch, length, vocab_size]`; a pipeline's stage where layers are given."""

    def __init__(self, config: ModelConfig, first: int = 0, last: int | None = None) -> None:
        super().__init__()
        self.config = config
        last = config.layers if last is None else last
        self.model = Decoder(config, first, last)
        if last == config.layers:
            self.lm_head = Linear(config.hidden_size, config.vocab_size)
            if config.tie_embeddings:
                self.lm_head.weight = self.model.embed_tokens.weight

    def forward(self, x: Tensor, documents: Tensor | None = None, length: int | None = None) -> Tensor:
        """`length` is that of the tokens, for a later stage whose input is a share of the sequence."""
        x = self.model(x, documents, length or x.shape[1])
        return self.lm_head(x) if hasattr(self, "lm_head") else x

    def flops_per_token(self, length: int) -> float:
        """Forward and backward, a multiply-add counted twice, causal attention at half its square (PaLM, app. B)."""
        c = self.config
        attention = c.hidden_size * c.hidden_size * 2 + 2 * c.hidden_size * c.kv_heads * c.head_size
        weights = c.layers * (attention + 3 * c.hidden_size * c.intermediate_size) + c.vocab_size * c.hidden_size
        return 6 * weights + 6 * c.layers * c.hidden_size * length


def initial(config: ModelConfig, seed: int) -> Callable[[str, torch.Size], Tensor]:
    """A parameter's first values from its name alone, so that every layout of the model starts alike."""

    def values(name: str, shape: torch.Size) -> Tensor:
        if "norm" in name.rsplit(".", 2)[-2]:
            return torch.ones(shape)
        if ".lora_B." in name:
            return torch.zeros(shape)
        generator = torch.Generator().manual_seed(stable_hash(f"{seed}/{name}"))
        if ".lora_A." in name:
            return torch.empty(shape).uniform_(-1, 1, generator=generator) / math.sqrt(shape[1])
        residual = name.endswith(("o_proj.weight", "down_proj.weight"))
        std = 0.02 / math.sqrt(2 * config.layers) if residual else 0.02
        return torch.empty(shape).normal_(0.0, std, generator=generator)

    return values


def stable_hash(text: str) -> int:
    """FNV-1a, 63 bits: the same in every process and version."""
    value = 0xCBF29CE484222325
    for byte in text.encode():
        value = (value ^ byte) * 0x100000001B3 % 2**64
    return value >> 1


@torch.no_grad()
def fill(parameters: Iterable[tuple[str, nn.Parameter]], values: Callable[[str, torch.Size], Tensor]) -> None:
    """Sets parameters, whole or sharded, from the source that gives each one's full tensor by name."""
    from torch.distributed.tensor import DTensor, distribute_tensor

    for name, parameter in parameters:
        full = values(name, parameter.shape).to(parameter.dtype)
        if isinstance(parameter, DTensor):
            # Every rank has the full tensor already: no rank needs to send.
            full = distribute_tensor(
                full.to(parameter.device), parameter.device_mesh, parameter.placements, src_data_rank=None
            )
        parameter.copy_(full)
