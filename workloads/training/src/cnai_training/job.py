"""One of a run's three training steps: its data, its base, its model over the ranks, what it learns."""

import math
from contextlib import nullcontext
from dataclasses import asdict, dataclass

import torch
from torch import Tensor, nn
from torch.nn.parallel import DistributedDataParallel

from cnai_training import hf, lora, parallel, storage
from cnai_training.config import Align, Config, Finetune, Loop
from cnai_training.data import Rows
from cnai_training.distributed import World
from cnai_training.errors import TrainingError
from cnai_training.model import ModelConfig, fill, initial
from cnai_training.objectives import Objective, of_language, of_preference
from cnai_training.prepare import tokenizer

DATA = {"train": "text", "finetune": "chat", "align": "preferences"}
BEFORE = {"finetune": "train", "align": "finetune"}


@dataclass(frozen=True)
class Job:
    """One of the three steps of a run."""

    name: str
    config: Config
    loop: Loop
    base: str
    """The model folder to start from; empty where the model is new."""

    @property
    def url(self) -> str:
        return storage.join(self.config.run, self.name)

    @property
    def adapters(self) -> Finetune | None:
        return self.loop if isinstance(self.loop, Finetune) and self.loop.lora_rank else None

    def rows(self, split: str) -> Rows:
        return Rows(storage.join(self.config.run, "data", DATA[self.name], split))


def job(name: str, config: Config) -> Job:
    loop: Loop = getattr(config, name)
    base = ""
    if isinstance(loop, Finetune):
        base = loop.base or storage.join(config.run, BEFORE[name], "model")
        if not storage.exists(storage.join(base, "config.json")):
            raise TrainingError(
                f"{name} starts from {base}, which holds no model; run `{BEFORE[name]}` or set {name}.base"
            )
    return Job(name, config, loop, base)


def model_config(job: Job, rows: Rows) -> ModelConfig:
    """The base's shape, or the configuration's; checked against what the data was prepared with."""
    if not job.base:
        # A multiple of 64 is what matrix units and tensor parallelism like; the rows above the tokenizer's stay unused.
        size = math.ceil(rows.vocab_size / 64) * 64
        return ModelConfig(vocab_size=size, context=rows.context, **asdict(job.config.model))
    config = hf.read_config(job.base)
    if rows.vocab_size > config.vocab_size or tokenizer.digest(job.base) != rows.tokenizer:
        raise TrainingError(
            f"{rows.url} was prepared with another tokenizer than {job.base} has "
            f"(vocabulary {rows.vocab_size}, model {config.vocab_size}); set prepare.tokenizer to the model's folder"
        )
    if rows.context > config.context:
        raise TrainingError(f"{rows.url} has rows of {rows.context} tokens, {job.base} a context of {config.context}")
    return config


def built(job: Job, config: ModelConfig, world: World, adapters: Finetune | None) -> nn.Module:
    """This rank's part of the model, with its first values."""
    model = parallel.stage_of(config, world)
    if adapters:
        if max(job.config.parallel.tensor, job.config.parallel.pipeline) > 1:
            raise TrainingError("adapters go with parallel.tensor=1 and pipeline=1; set them, or lora_rank=0")
        lora.add(model, adapters)
    parallel.laid_out(model, job.config, world, job.loop.precision)
    fresh, base = initial(config, job.loop.seed), hf.weights(job.base) if job.base else None

    def values(name: str, shape: torch.Size) -> Tensor:
        new = base is None or lora.is_adapter(name)
        return fresh(name, shape) if new else base(lora.base_name(name), shape)

    fill(model.named_parameters(), values)
    if job.loop.compile:
        for block in model.model.layers.values():
            block.compile()
    return model


def wrapped(model: nn.Module, job: Job, world: World) -> nn.Module:
    if job.config.parallel.data == "fsdp" or world.mesh is None or world.along("data") == 1:
        return model
    return DistributedDataParallel(model, process_group=world.mesh["data"].get_group())


def objective_of(job: Job, model: nn.Module, config: ModelConfig, world: World) -> Objective:
    if not isinstance(job.loop, Align):
        return of_language(job.loop.compile)
    if job.adapters:
        return of_preference(job.loop.beta, lambda: (model, lora.switched_off(model)))
    reference = built(job, config, world, None).requires_grad_(False)
    return of_preference(job.loop.beta, lambda: (reference, nullcontext()))
