"""Forward and backward over a step's micro-batches: one model, or a stage of a pipeline."""

from collections.abc import Callable
from contextlib import AbstractContextManager, nullcontext
from typing import TYPE_CHECKING

import torch
from torch import Tensor, nn
from torch.distributed.fsdp import FSDPModule
from torch.nn.parallel import DistributedDataParallel

from cnai_training.config import Parallel
from cnai_training.distributed import World
from cnai_training.errors import TrainingError
from cnai_training.objectives import Micro, Objective, next_token_loss

if TYPE_CHECKING:
    from torch.distributed.pipelining import Schedule1F1B, ScheduleGPipe

Passes = Callable[[list[Micro], float, bool], float]
"""Micro-batches, what each loss is multiplied with, and whether to go backward; gives the unscaled sum of losses."""


def cast(model: nn.Module, precision: str, device: torch.device) -> AbstractContextManager[object]:
    """bf16 for what FSDP does not cast itself."""
    if precision == "fp32" or isinstance(model, FSDPModule):
        return nullcontext()
    return torch.autocast(device.type, torch.bfloat16)


def single(model: nn.Module, objective: Objective, precision: str, device: torch.device) -> Passes:
    def run(micros: list[Micro], scale: float, backward: bool) -> float:
        total = torch.zeros((), device=device)
        for number, micro in enumerate(micros, start=1):
            with synchronised(model, last=number == len(micros)):
                with torch.set_grad_enabled(backward), cast(model, precision, device):
                    loss = objective.loss(model, micro)
                if backward:
                    (loss * scale).backward()
            total += loss.detach()
        return float(total)

    return run


def synchronised(model: nn.Module, last: bool) -> AbstractContextManager[object]:
    """Gradients cross the network once a step, after the last micro-batch."""
    if isinstance(model, FSDPModule):
        model.set_requires_gradient_sync(last)
    if isinstance(model, DistributedDataParallel) and not last:
        return model.no_sync()
    return nullcontext()


def pipelined(
    model: nn.Module, objective: Objective, precision: str, world: World, parallel: Parallel, micros: int
) -> Passes:
    """Micro-batches flow through the stages; the last one computes the loss and the others report 0."""
    # Seconds to import, and only a pipeline needs it.
    from torch.distributed.pipelining import PipelineStage, Schedule1F1B, ScheduleGPipe

    if not objective.pipelined:
        raise TrainingError("preference optimisation does not run in a pipeline; set parallel.pipeline=1")
    stages, place = world.along("pipeline"), world.place("pipeline")
    if parallel.schedule == "1f1b" and micros < stages:
        raise TrainingError(
            f"a step has {micros} micro-batches a rank and 1f1b needs one for each of the {stages} stages; lower "
            'micro_batch, raise global_batch, or set parallel.schedule="gpipe"'
        )
    assert world.mesh is not None
    group = world.mesh["pipeline"].get_group()
    kind = {"gpipe": ScheduleGPipe, "1f1b": Schedule1F1B}[parallel.schedule]
    scale = 1.0

    def scaled(logits: Tensor, targets: Tensor) -> Tensor:
        return next_token_loss(logits, targets) * scale

    def schedule() -> "ScheduleGPipe | Schedule1F1B":
        stage = PipelineStage(model, place, stages, world.device, group=group)
        return kind(stage, micros, loss_fn=scaled, scale_grads=False)

    # A stage remembers shapes with gradients or without: training and evaluation have one each.
    kept: dict[bool, ScheduleGPipe | Schedule1F1B] = {}

    def run(given: list[Micro], factor: float, backward: bool) -> float:
        nonlocal scale
        scale = factor
        if backward not in kept:
            kept[backward] = schedule()
        losses: list[Tensor] = []
        step = kept[backward].step if backward else kept[backward].eval
        with torch.set_grad_enabled(backward), cast(model, precision, world.device):
            step(
                arg_mbs=[(m.tokens,) if place == 0 else () for m in given],
                kwarg_mbs=[{"documents": m.documents, "length": m.tokens.shape[1]} for m in given],
                target_mbs=[m.targets for m in given] if place == stages - 1 else None,
                losses=losses if place == stages - 1 else None,
                return_outputs=False,
            )
        return float(sum(losses, start=torch.zeros(()))) / factor

    return run
