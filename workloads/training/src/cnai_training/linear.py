"""Matrix products in float32 through oneDNN where MKL would leave half of the processor's vector width unused."""

from functools import cache
from pathlib import Path
from typing import Any

import torch
import torch.nn.functional as F
from torch import Tensor, nn
from torch.distributed.tensor import DTensor


@cache
def onednn_is_faster() -> bool:
    """Whether this is an AMD processor with AVX-512, for which MKL has only AVX2 code (2.3 times slower, measured).

    A property of the machine and no trial, so that a run that is continued rounds as it did before.
    """
    facts = Path("/proc/cpuinfo")
    return (
        torch.backends.mkldnn.is_available()
        and torch.backends.cpu.get_cpu_capability() == "AVX512"
        and facts.exists()
        and "AuthenticAMD" in facts.read_text()
    )


# An operator of its own: torch.compile would take oneDNN's apart, and refuse it weights that change.
@torch.library.custom_op("cnai::product", mutates_args=())
def product(x: Tensor, weight: Tensor) -> Tensor:
    """`[m, k]` times the transpose of `[n, k]`."""
    return torch.ops.mkldnn._linear_pointwise(x, weight, None, "none", [], "")


@product.register_fake
def _(x: Tensor, weight: Tensor) -> Tensor:
    return x.new_empty(x.shape[0], weight.shape[0])


def backward(ctx: Any, grad: Tensor) -> tuple[Tensor | None, Tensor | None]:
    x, weight = ctx.saved_tensors
    of_x = product(grad, weight.t()) if ctx.needs_input_grad[0] else None
    of_weight = product(grad.t(), x.t()) if ctx.needs_input_grad[1] else None
    return of_x, of_weight


def keep(ctx: Any, inputs: tuple[Tensor, Tensor], output: Tensor) -> None:
    """Only what the way back needs: beside adapters, weights are frozen and their inputs would fill the memory."""
    x, weight = inputs
    ctx.save_for_backward(x if ctx.needs_input_grad[1] else None, weight if ctx.needs_input_grad[0] else None)


product.register_autograd(backward, setup_context=keep)


class Linear(nn.Linear):
    """`nn.Linear` without bias: the same parameter under the same name."""

    def __init__(self, inputs: int, outputs: int) -> None:
        super().__init__(inputs, outputs, bias=False)
        self.onednn = onednn_is_faster()

    def forward(self, x: Tensor) -> Tensor:
        if self.onednn and plain(x, self.weight):
            return product(x.flatten(0, -2), self.weight).view(*x.shape[:-1], -1)
        return F.linear(x, self.weight)


def plain(x: Tensor, weight: Tensor) -> bool:
    """Float32 on the CPU, not empty and no shard of a `DTensor`; bf16 goes to oneDNN by itself."""
    single = x.dtype == weight.dtype == torch.float32 and not torch.is_autocast_enabled("cpu")
    return single and x.device.type == "cpu" and x.numel() > 0 and not isinstance(weight, DTensor)
