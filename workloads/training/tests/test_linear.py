"""Products through oneDNN are `F.linear`'s, forwards and backwards, and taken only where they suit."""

import pytest
import torch
import torch.nn.functional as F

from cnai_training.linear import Linear, plain


def grown(shape: tuple[int, ...], seed: int) -> torch.Tensor:
    return torch.randn(shape, generator=torch.Generator().manual_seed(seed))


@pytest.mark.parametrize("shape", [(5, 48), (2, 7, 48), (2, 1, 48), (0, 7, 48)], ids=str)
@pytest.mark.parametrize("compiled", [False, True], ids=["eager", "compiled"])
def test_values_and_gradients_are_those_of_the_ordinary_layer(shape: tuple[int, ...], compiled: bool) -> None:
    layer = Linear(48, 33)
    layer.onednn = True
    x, grad = grown(shape, 0).requires_grad_(), grown((*shape[:-1], 33), 1)
    call = torch.compile(layer, backend="aot_eager") if compiled else layer
    call(x).backward(grad)
    ours, weight = x.grad, layer.weight.grad
    x.grad = layer.weight.grad = None
    F.linear(x, layer.weight).backward(grad)
    torch.testing.assert_close(call(x), F.linear(x, layer.weight))
    torch.testing.assert_close(ours, x.grad)
    torch.testing.assert_close(weight, layer.weight.grad, atol=1e-5, rtol=1e-5)


def test_a_frozen_layer_hands_its_gradient_on() -> None:
    layer = Linear(16, 8).requires_grad_(False)
    layer.onednn = True
    x, kept = grown((3, 16), 0).requires_grad_(), []
    with torch.autograd.graph.saved_tensors_hooks(lambda tensor: kept.append(tensor.shape) or tensor, lambda t: t):
        answer = layer(x)
    assert kept == [layer.weight.shape]
    answer.sum().backward()
    torch.testing.assert_close(x.grad, layer.weight.sum(0).expand(3, 16))


def test_other_precisions_and_autocast_take_the_ordinary_way() -> None:
    x = grown((3, 16), 0)
    assert plain(x, x)
    assert not plain(x.bfloat16(), x.bfloat16())
    with torch.autocast("cpu", torch.bfloat16):
        assert not plain(x, x)
        layer = Linear(16, 8)
        layer.onednn = True
        assert layer(x).dtype is torch.bfloat16
