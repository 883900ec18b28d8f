"""This process among the others: rank, device, groups, and an orderly end."""

import os
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import timedelta
from typing import Any

import torch
import torch.distributed as dist
from torch.distributed.device_mesh import DeviceMesh, init_device_mesh

from cnai_training.config import Parallel
from cnai_training.errors import TrainingError


@dataclass(frozen=True)
class World:
    rank: int
    size: int
    device: torch.device
    mesh: DeviceMesh | None
    """`pipeline`, `data`, `tensor`, in this order; none where there is one process."""

    def along(self, name: str) -> int:
        return 1 if self.mesh is None else self.mesh[name].size()

    def place(self, name: str) -> int:
        return 0 if self.mesh is None else self.mesh[name].get_local_rank()

    @property
    def first(self) -> bool:
        return self.rank == 0

    @property
    def model_ranks(self) -> int:
        """Ranks that hold one model together, and see the same rows."""
        return self.along("pipeline") * self.along("tensor")

    def totals(self, *values: float) -> list[float]:
        """Each value summed over all ranks, on the CPU, so that no device has to wait."""
        if self.size == 1:
            return list(values)
        total = torch.tensor(values, dtype=torch.float64)
        dist.all_reduce(total)
        return total.tolist()

    def any(self, flag: bool) -> bool:
        """Whether one of all ranks says so."""
        return self.totals(float(flag))[0] > 0

    def told(self, value: Any) -> Any:
        """Rank 0's value, on every rank."""
        if self.size == 1:
            return value
        box = [value]
        dist.broadcast_object_list(box)
        return box[0]

    def barrier(self) -> None:
        if self.size > 1:
            dist.barrier()


def from_environment(name: str, default: int) -> int:
    """A number that torchrun, TrainJob (`PET_…` becomes torchrun's) and PyTorchJob set."""
    text = os.environ.get(name, "")
    try:
        return int(text) if text else default
    except ValueError:
        raise TrainingError(f"{name} is {text!r} in the environment; it must be a whole number") from None


@contextmanager
def world(parallel: Parallel) -> Iterator[World]:
    """Joins the others that the environment names, and leaves together with them."""
    rank, size = from_environment("RANK", 0), from_environment("WORLD_SIZE", 1)
    device = torch.device("cpu")
    if torch.cuda.is_available():
        device = torch.device("cuda", from_environment("LOCAL_RANK", rank % torch.cuda.device_count()))
        torch.cuda.set_device(device)
    model_ranks = parallel.tensor * parallel.pipeline
    if size % model_ranks:
        raise TrainingError(
            f"parallel.tensor * parallel.pipeline is {model_ranks}, which does not divide the {size} processes that "
            "were started; start a multiple of it, or lower one of them"
        )
    if size == 1:
        yield World(0, 1, device, None)
        return
    if missing := [name for name in ("MASTER_ADDR", "MASTER_PORT") if name not in os.environ]:
        raise TrainingError(f"WORLD_SIZE is {size} but {' and '.join(missing)} is not set; start with torchrun")
    # Gloo beside NCCL: asynchronous checkpoints talk over the CPU.
    dist.init_process_group("cpu:gloo,cuda:nccl" if device.type == "cuda" else "gloo", timeout=timedelta(minutes=10))
    try:
        shape = (parallel.pipeline, size // model_ranks, parallel.tensor)
        yield World(
            rank, size, device, init_device_mesh(device.type, shape, mesh_dim_names=("pipeline", "data", "tensor"))
        )
        # Nobody takes its sockets away while another still talks: a run that is over must not end in an abort.
        dist.barrier()
    finally:
        dist.destroy_process_group()
