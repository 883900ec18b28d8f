"""Weights as oneDNN reads them give what the plain layers give."""

import pytest
import torch
from cnai_inference.engine.packed import PackedLinear, pack
from torch import nn


@pytest.mark.parametrize("bias", [False, True])
@pytest.mark.parametrize("shape", [(1, 1, 48), (16, 1, 48), (3, 70, 48)], ids=str)
def test_values_are_those_of_the_plain_layer(shape: tuple[int, ...], bias: bool) -> None:
    torch.manual_seed(0)
    linear, x = nn.Linear(48, 33, bias=bias), torch.randn(shape)
    with torch.inference_mode():
        torch.testing.assert_close(PackedLinear(linear, 16)(x), linear(x))


def test_only_plain_float32_layers_are_packed() -> None:
    model = nn.ModuleDict(
        {"a": nn.Linear(4, 4), "bf16": nn.Linear(4, 4).bfloat16(), "lora_A": nn.Linear(4, 2), "norm": nn.LayerNorm(4)}
    )
    pack(model, 16)
    assert {name: type(module) for name, module in model.items()} == {
        "a": PackedLinear,
        "bf16": nn.Linear,
        "lora_A": nn.Linear,
        "norm": nn.LayerNorm,
    }
