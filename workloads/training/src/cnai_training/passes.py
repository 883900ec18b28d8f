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
    if not objective.pipelined:
        raise TrainingError("preference optimisation does not run in a pipeline; set parallel.pipeline=1")
    stages = world.along("pipeline")
    if parallel.schedule == "1f1b" and micros < stages:
        raise TrainingError(
            f"a step has {micros} micro-batches a rank and 1f1b needs one for each of the {stages} stages; lower "
            'micro_batch, raise global_batch, or set parallel.schedule="gpipe"'
        )
    schedules = Schedules(model, world, parallel.schedule, micros)

    def run(given: list[Micro], factor: float, backward: bool) -> float:
        with torch.set_grad_enabled(backward), cast(model, precision, world.device):
            losses = schedules.step(given, factor, backward)
        return float(sum(losses, start=torch.zeros(()))) / factor

    return run


class Schedules:
    """This rank's stage, which remembers shapes with gradients or without: training and evaluation have one each."""

    def __init__(self, model: nn.Module, world: World, schedule: str, micros: int) -> None:
        self._model, self._world, self._schedule, self._micros = model, world, schedule, micros
        self._first = world.place("pipeline") == 0
        self._last = world.place("pipeline") == world.along("pipeline") - 1
        self._kept: dict[bool, ScheduleGPipe | Schedule1F1B] = {}
        self._factor = 1.0

    def step(self, micros: list[Micro], factor: float, backward: bool) -> list[Tensor]:
        """The losses times `factor`, of the last stage; none from the others."""
        self._factor = factor
        if backward not in self._kept:
            self._kept[backward] = self._new()
        schedule, losses = self._kept[backward], list[Tensor]()
        (schedule.step if backward else schedule.eval)(
            arg_mbs=[(m.tokens,) if self._first else () for m in micros],
            kwarg_mbs=[{"documents": m.documents, "length": m.tokens.shape[1]} for m in micros],
            target_mbs=[m.targets for m in micros] if self._last else None,
            losses=losses if self._last else None,
            return_outputs=False,
        )
        return losses

    def _new(self) -> "ScheduleGPipe | Schedule1F1B":
        # Seconds to import, and only a pipeline needs it.
        from torch.distributed.pipelining import PipelineStage, Schedule1F1B, ScheduleGPipe

        world = self._world
        assert world.mesh is not None
        place, stages = world.place("pipeline"), world.along("pipeline")
        stage = PipelineStage(self._model, place, stages, world.device, group=world.mesh["pipeline"].get_group())
        kind = {"gpipe": ScheduleGPipe, "1f1b": Schedule1F1B}[self._schedule]
        return kind(stage, self._micros, loss_fn=self._loss, scale_grads=False)

    def _loss(self, logits: Tensor, targets: Tensor) -> Tensor:
        return next_token_loss(logits, targets) * self._factor
