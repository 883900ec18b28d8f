"""Fused AdamW, a cosine schedule with warm-up, and clipping over every layout."""

import math

import torch
import torch.distributed as dist
from torch import Tensor, nn
from torch.distributed.tensor import DTensor

from cnai_training.config import Loop
from cnai_training.distributed import World


def adamw(model: nn.Module, loop: Loop) -> torch.optim.Optimizer:
    """Matrices decay, norms do not."""
    trained = [parameter for parameter in model.parameters() if parameter.requires_grad]
    groups = [
        {"params": [p for p in trained if p.dim() > 1], "weight_decay": loop.weight_decay},
        {"params": [p for p in trained if p.dim() <= 1], "weight_decay": 0.0},
    ]
    groups = [group for group in groups if group["params"]]
    return torch.optim.AdamW(groups, lr=loop.learning_rate, betas=(0.9, loop.beta2), fused=True)


def rate(loop: Loop, step: int) -> float:
    """A function of the step alone, so that resuming needs no state."""
    if step < loop.warmup_steps:
        return loop.learning_rate * (step + 1) / loop.warmup_steps
    progress = (step - loop.warmup_steps) / max(1, loop.steps - loop.warmup_steps)
    cosine = 0.5 * (1 + math.cos(math.pi * min(1.0, progress)))
    return loop.learning_rate * (loop.final_rate + (1 - loop.final_rate) * cosine)


def clipped(model: nn.Module, world: World, most: float) -> Tensor:
    """The norm over all ranks' gradients, which are scaled down where it is over `most`."""
    parameters = [p for p in model.parameters() if p.grad is not None]
    norm = torch.nn.utils.get_total_norm([p.grad for p in parameters])
    if isinstance(norm, DTensor):
        norm = norm.full_tensor()
    if world.mesh is not None and world.along("pipeline") > 1:
        squared = norm**2
        dist.all_reduce(squared, group=world.mesh["pipeline"].get_group())
        norm = squared.sqrt()
    if most:
        torch.nn.utils.clip_grads_with_norm_(parameters, most, norm)
    return norm
