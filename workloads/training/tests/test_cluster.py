"""`configs/cluster.toml` at its own size, over ranks that are not there: its numbers fit together and into a GPU."""

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import pytest
import torch
import torch.distributed as dist
import torch.nn.functional as F
from torch import Tensor, nn
from torch.distributed.device_mesh import init_device_mesh
from torch.distributed.tensor import DTensor
from torch.testing._internal.distributed.fake_pg import FakeStore

from cnai_training import config, parallel
from cnai_training.data import Loader, Rows
from cnai_training.distributed import World
from cnai_training.model import Block, Llama, ModelConfig
from conftest import HERE

GIB = 2**30
H100 = 80 * GIB
META = torch.device("meta")
CLUSTER = config.load(str(HERE.parent / "configs/cluster.toml"))
SHAPE = ModelConfig(vocab_size=CLUSTER.prepare.vocab_size, context=CLUSTER.prepare.context, **vars(CLUSTER.model))
SIZES = pytest.mark.parametrize("ranks", [8, 32])


@contextmanager
def world(ranks: int) -> Iterator[World]:
    """Rank 0 of a cluster whose other ranks are pretended: layouts are real, messages go nowhere."""
    given = CLUSTER.parallel
    dist.init_process_group("fake", rank=0, world_size=ranks, store=FakeStore())
    try:
        shape = (given.pipeline, ranks // (given.pipeline * given.tensor), given.tensor)
        yield World(0, ranks, META, init_device_mesh("cpu", shape, mesh_dim_names=("pipeline", "data", "tensor")))
    finally:
        dist.destroy_process_group()


def laid_out(ranks: int) -> tuple[nn.Module, int]:
    """Rank 0's part of the model, and the numbers that it holds."""
    with world(ranks) as here:
        model = parallel.laid_out(parallel.stage_of(SHAPE, here), CLUSTER, here, CLUSTER.train.precision)
        held = sum(p.to_local().numel() if isinstance(p, DTensor) else p.numel() for p in model.parameters())
    return model, held


def test_the_model_has_the_size_that_the_file_says() -> None:
    with META:
        model = Llama(SHAPE)
    assert sum(p.numel() for p in model.parameters()) == pytest.approx(1.1e9, rel=0.01)


@SIZES
def test_every_matrix_is_shared_out_over_all_ranks(ranks: int) -> None:
    with META:
        whole = sum(p.numel() for p in Llama(SHAPE).parameters())
    model, held = laid_out(ranks)
    assert held == pytest.approx(whole / ranks, rel=0.01)
    assert all(isinstance(p, DTensor) for p in model.parameters())


@SIZES
@pytest.mark.parametrize("step", ["train", "finetune", "align"])
def test_a_step_has_no_rows_that_only_fill_up(ranks: int, step: str) -> None:
    loop, rows = getattr(CLUSTER, step), object.__new__(Rows)
    rows.rows = 10**6
    places = ranks // (CLUSTER.parallel.tensor * CLUSTER.parallel.pipeline)
    for place in (0, places - 1):
        indices = Loader(rows, loop.global_batch, loop.micro_batch, 1, place, places).indices(0)
        assert len(indices) == loop.global_batch // places
        assert -1 not in indices
        assert len(indices) % loop.micro_batch == 0


class Flash(torch.autograd.Function):
    """What flash attention keeps for the way back: its inputs, its output, and no scores."""

    @staticmethod
    def forward(ctx: Any, q: Tensor, k: Tensor, v: Tensor) -> Tensor:
        out = torch.empty_like(q)
        ctx.save_for_backward(q, k, v, out)
        return out

    @staticmethod
    def backward(ctx: Any, grad: Tensor) -> tuple[Tensor, Tensor, Tensor]:
        raise NotImplementedError


class Scores(torch.autograd.Function):
    """What attention keeps where a mask leaves no faster kernel: the probabilities as well, for every head."""

    @staticmethod
    def forward(ctx: Any, q: Tensor, k: Tensor, v: Tensor) -> Tensor:
        scores = q.new_empty(*q.shape[:-1], k.shape[-2])
        ctx.save_for_backward(q, k.repeat_interleave(q.shape[1] // k.shape[1], 1), v, scores, torch.empty_like(scores))
        return torch.empty_like(q)

    backward = Flash.backward


def kept_by_a_block(rows: int, attention: type[torch.autograd.Function], monkeypatch: pytest.MonkeyPatch) -> int:
    """Bytes that one layer keeps for the way back in bf16, counted from a forward pass without memory."""
    monkeypatch.setattr(F, "scaled_dot_product_attention", lambda q, k, v, **_: attention.apply(q, k, v))
    with META:
        block = Block(SHAPE).bfloat16()
        x = torch.empty(rows, SHAPE.context, SHAPE.hidden_size, dtype=torch.bfloat16, requires_grad=True)
        tables = [torch.empty(SHAPE.context, SHAPE.head_size // 2, dtype=torch.bfloat16) for _ in range(2)]
    weights = {p.untyped_storage()._cdata for p in block.parameters()}
    storages: dict[int, int] = {}
    kept: list[Tensor] = []

    def keep(tensor: Tensor) -> Tensor:
        storage = tensor.untyped_storage()
        if storage._cdata not in weights:
            kept.append(tensor)  # so that no other tensor gets its place
            storages[storage._cdata] = storage.nbytes()
        return tensor

    with torch.autograd.graph.saved_tensors_hooks(keep, lambda tensor: tensor):
        block(x, *tables, None)
    return sum(storages.values())


@SIZES
@pytest.mark.parametrize(("step", "attention"), [("train", Flash), ("finetune", Scores), ("align", Flash)])
def test_a_step_fits_into_a_gpu(
    ranks: int, step: str, attention: type[torch.autograd.Function], monkeypatch: pytest.MonkeyPatch
) -> None:
    """Weights, gradients, Adam's two moments (fp32), DPO's reference model, activations, logits, their gradients."""
    loop = getattr(CLUSTER, step)
    rows = loop.micro_batch * (2 if step == "align" else 1)
    _, held = laid_out(ranks)
    state = held * 4 * (4 + (step == "align"))
    activations = SHAPE.layers * kept_by_a_block(rows, attention, monkeypatch) / CLUSTER.parallel.tensor
    # Whole on every tensor rank: bf16 logits, their fp32 copy, its log-softmax and its gradient.
    logits = rows * SHAPE.context * SHAPE.vocab_size * (2 + 4 + 4 + 4)
    total = state + activations + logits
    assert total < 0.8 * H100, [round(part / GIB, 1) for part in (state, activations, logits)]
