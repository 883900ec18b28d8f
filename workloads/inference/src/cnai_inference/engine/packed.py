"""Linear layers in float32 through oneDNN, where MKL would leave half of the processor's vector width unused."""

from pathlib import Path

import torch
from torch import Tensor, nn


def onednn_is_faster() -> bool:
    """Whether this is an AMD processor with AVX-512, for which MKL has only AVX2 code."""
    facts = Path("/proc/cpuinfo")
    return (
        torch.backends.mkldnn.is_available()
        and torch.backends.cpu.get_cpu_capability() == "AVX512"
        and facts.exists()
        and "AuthenticAMD" in facts.read_text()
    )


class PackedLinear(nn.Module):
    """A linear layer whose weights lie as oneDNN's kernels read them; the plain ones are let go."""

    def __init__(self, linear: nn.Linear, rows: int) -> None:
        """`rows` is the number of tokens in a usual step; other numbers give the same result."""
        super().__init__()
        self.in_features, self.out_features = linear.in_features, linear.out_features
        self._weight = torch.ops.mkldnn._reorder_linear_weight(linear.weight.detach(), rows)
        self._bias = None if linear.bias is None else linear.bias.detach()

    def forward(self, x: Tensor) -> Tensor:
        return torch.ops.mkldnn._linear_pointwise(x, self._weight, self._bias, "none", [], "")


def pack(model: nn.Module, rows: int) -> None:
    """Replaces every plain float32 linear layer; those of adapters stay, since peft reads their weights."""
    for name, module in list(model.named_modules()):
        if type(module) is nn.Linear and module.weight.dtype == torch.float32 and "lora_" not in name:
            parent, _, child = name.rpartition(".")
            setattr(model.get_submodule(parent), child, PackedLinear(module, rows))
