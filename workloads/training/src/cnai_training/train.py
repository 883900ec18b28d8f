"""The training loop, for pre-training, fine-tuning and alignment alike."""

import math
import signal
import time
from collections.abc import Iterator
from contextlib import contextmanager, nullcontext
from dataclasses import asdict, dataclass
from typing import Any

import torch
from torch import Tensor, nn
from torch.distributed.tensor import DTensor
from torch.nn.parallel import DistributedDataParallel

from cnai_training import hf, lora, parallel, passes, storage
from cnai_training.checkpoint import Checkpoints, Facts
from cnai_training.config import Align, Config, Finetune, Loop
from cnai_training.data import Loader, Rows
from cnai_training.distributed import World, world
from cnai_training.errors import TrainingError
from cnai_training.metrics import Metrics, peak_tflops, say
from cnai_training.model import Llama, ModelConfig, fill, initial
from cnai_training.objectives import Objective, of_language, of_preference
from cnai_training.optimizer import adamw, clipped, rate
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
            raise TrainingError(f"{name} starts from {base}, which holds no model; run `{BEFORE[name]}` or set {name}.base")
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
        if job.config.parallel.tensor > 1:
            raise TrainingError("adapters go with parallel.tensor=1; set it, or lora_rank=0")
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
        return of_language()
    if job.adapters:
        return of_preference(job.loop.beta, lambda: (model, lora.switched_off(model)))
    reference = built(job, config, world, None).requires_grad_(False)
    return of_preference(job.loop.beta, lambda: (reference, nullcontext()))


@contextmanager
def asked_to_stop() -> Iterator[list[int]]:
    """A list that holds the signal once SIGTERM or SIGINT has come."""
    received: list[int] = []
    handlers = {s: signal.signal(s, lambda number, _: received.append(number)) for s in (signal.SIGTERM, signal.SIGINT)}
    try:
        yield received
    finally:
        for number, handler in handlers.items():
            signal.signal(number, handler)


def run(job: Job) -> None:
    """Trains to the last step, from the last checkpoint where there is one; leaves `model/` when it is done."""
    with asked_to_stop() as stop, world(job.config.parallel) as here:
        torch.manual_seed(job.loop.seed)
        rows = job.rows("train")
        config = model_config(job, rows)
        plain = built(job, config, here, job.adapters)
        trainer = Trainer(job, here, rows, config, plain, objective_of(job, plain, config, here))
        try:
            if trainer.steps(stop):
                trainer.save_model()
        finally:
            trainer.close()


class Trainer:
    def __init__(
        self, job: Job, here: World, rows: Rows, config: ModelConfig, plain: nn.Module, objective: Objective
    ) -> None:
        self.job, self.world, self.loop, self.plain, self.config = job, here, job.loop, plain, config
        self.model = wrapped(plain, job, here)
        self.optimizer = adamw(plain, job.loop)
        self.objective = objective
        place, places = here.place("data"), here.along("data")
        self.loader = Loader(rows, job.loop.global_batch, job.loop.micro_batch, job.loop.seed, place, places)
        self.held_out = job.rows("held-out")
        self.passes = self.passes_of()
        self.metrics = Metrics(job.config.metrics, job.url, job.name) if here.first else None
        checkpoints = storage.join(job.url, "checkpoints")
        self.checkpoints = Checkpoints(checkpoints, here, job.loop.keep, job.loop.asynchronous)
        self.flops = Llama.flops_per_token(plain, rows.context)  # type: ignore[arg-type]
        self.peak = peak_tflops(job.config.metrics, here.device) * 1e12 * here.size

    def passes_of(self) -> passes.Passes:
        parallel, precision = self.job.config.parallel, self.loop.precision
        if self.world.along("pipeline") == 1:
            return passes.single(self.model, self.objective, precision, self.world.device)
        micros = len(self.loader.indices(0)) // self.loader.micro
        return passes.pipelined(self.model, self.objective, precision, self.world, parallel, micros)

    @property
    def facts(self) -> Facts:
        """What a checkpoint must share with this configuration to be continued."""
        adapters = lora.settings(self.job.adapters) if self.job.adapters else {}
        return {
            "job": self.job.name,
            **{f"model.{name}": value for name, value in asdict(self.config).items()},
            **{f"lora.{name}": adapters.get(name) for name in ("r", "target_modules")},
            "tokenizer": self.loader.rows.tokenizer,
        }

    def resumed(self) -> int:
        step = self.checkpoints.latest(self.facts)
        if step is None:
            return 0
        self.checkpoints.load(step, self.plain, self.optimizer)
        if self.world.first:
            say(f"goes on after step {step}")
        return step

    def steps(self, stop: list[int]) -> bool:
        """True when the last step is done; false when it was asked to stop, with everything saved."""
        loop, saved = self.loop, -1
        first = self.resumed()
        clock = Clock()
        for step in range(first + 1, loop.steps + 1):
            values, stopping = self.step(step, stop)
            if step % loop.log_every == 0 or stopping or step == loop.steps:
                self.report(step, values, clock)
            if loop.evaluate_every and step % loop.evaluate_every == 0:
                self.evaluate(step)
            if step % loop.checkpoint_every == 0 or stopping or step == loop.steps:
                began = time.perf_counter()
                self.checkpoints.save(step, self.plain, self.optimizer, self.facts)
                saved, clock.stalled = step, time.perf_counter() - began
            if stopping and step < loop.steps:
                self.checkpoints.wait()
                if self.world.first:
                    say(f"was asked to stop: step {saved} is saved")
                return False
        self.checkpoints.wait()
        return True

    def step(self, step: int, stop: list[int]) -> tuple[dict[str, float], bool]:
        """One update of the parameters; `step` counts from 1."""
        loop, model_ranks = self.loop, self.world.model_ranks
        # Dropout draws from here: the same numbers after a restart as without one.
        torch.manual_seed(loop.seed * 1_000_003 + step * 4099 + self.world.place("data"))
        micros = [self.objective.micro(batch, self.world.device) for batch in self.loader.step(step - 1)]
        counted, stopping = self.world.totals(sum(m.count for m in micros) / model_ranks, float(bool(stop)))
        if counted == 0:
            raise TrainingError(f"step {step} has nothing to learn: no answer of the assistant is in its rows")
        # DDP and FSDP average over the data ranks: that is undone, and the mean taken over all that is judged.
        total = self.passes(micros, self.world.along("data") / counted, True)
        norm = clipped(self.model, self.world, loop.clip)
        for group in self.optimizer.param_groups:
            group["lr"] = rate(loop, step - 1)
        self.optimizer.step()
        self.optimizer.zero_grad()
        (loss,) = self.world.totals(total / self.world.along("tensor"))
        values = {"loss": loss / counted, "grad_norm": float(norm), "learning_rate": rate(loop, step - 1)}
        if not math.isfinite(values["loss"]):
            raise TrainingError(f"the loss of step {step} is {values['loss']}; lower the learning rate or look at the data")
        return values, stopping > 0

    def report(self, step: int, values: dict[str, float], clock: "Clock") -> None:
        if self.metrics is None:
            return
        seconds, steps = clock.lap(step)
        speed = steps * self.loop.global_batch * self.loader.rows.context / seconds
        values = {**values, "tokens_per_second": speed, "checkpoint_stall_seconds": clock.stalled}
        if self.peak:
            values["mfu"] = speed * self.flops / self.peak
        clock.stalled = 0.0
        self.metrics.record(step, values)

    def evaluate(self, step: int) -> None:
        """The loss on held-out rows, each seen once."""
        rows = min(self.held_out.rows, self.loop.evaluate_rows)
        if rows == 0:
            return
        loader = Loader(self.held_out, rows, self.loop.micro_batch, 0, self.loader.rank, self.loader.ranks)
        if self.world.along("pipeline") > 1:
            # A stage's buffers have one shape: as many rows as a step, the last of them empty.
            loader = Loader(self.held_out, min(rows, self.loop.global_batch), self.loader.micro, 0, loader.rank, loader.ranks)
        self.model.eval()
        micros = [self.objective.micro(batch, self.world.device) for batch in loader.step(0)]
        total = self.passes(micros, 1.0, False) / self.world.along("tensor")
        self.model.train()
        loss, counted = self.world.totals(total, sum(m.count for m in micros) / self.world.model_ranks)
        if self.metrics is not None and counted:
            self.metrics.record(step, {"held_out_loss": loss / counted, "perplexity": math.exp(min(loss / counted, 700))})

    def save_model(self) -> None:
        """`model/`, in parts where stages wrote it, and `adapter/` where adapters were trained."""
        tensors = whole(self.plain, torch.bfloat16 if self.loop.precision == "bf16" else torch.float32)
        leader = self.world.place("data") == 0 and self.world.place("tensor") == 0
        stage, stages = self.world.place("pipeline"), self.world.along("pipeline")
        url = storage.join(self.job.url, "model")
        if self.job.adapters:
            tensors, adapters = lora.separated(tensors, self.job.adapters)
            if leader and stages == 1:
                settings = lora.settings(self.job.adapters)
                hf.save_adapter(storage.join(self.job.url, "adapter"), settings, adapters, self.job.base)
        if self.config.tie_embeddings:
            tensors.pop("lm_head.weight", None)
        if leader:
            hf.save(url, self.config, tensors, storage.join(self.job.config.run, "tokenizer"), (stage, stages))
        self.save_index(url, tensors if leader else {}, stages)

    def save_index(self, url: str, tensors: dict[str, Tensor], stages: int) -> None:
        if stages > 1:
            held = [(self.world.place("pipeline"), list(tensors), sum(t.nbytes for t in tensors.values()))]
            gathered: list[Any] = [None] * self.world.size
            torch.distributed.all_gather_object(gathered, held)
            present = sorted(entry for (entry,) in gathered if entry[1])
            if self.world.first:
                hf.save_index(url, [names for _, names, _ in present], sum(size for *_, size in present))
        if self.world.first:
            say(f"wrote {url}")

    def close(self) -> None:
        if self.metrics is not None:
            self.metrics.close()


class Clock:
    """Time between reports, without the first step's set-up counted twice."""

    def __init__(self) -> None:
        self.began, self.at, self.stalled = time.perf_counter(), -1, 0.0

    def lap(self, step: int) -> tuple[float, int]:
        now = time.perf_counter()
        seconds, steps = now - self.began, 1 if self.at < 0 else step - self.at
        self.began, self.at = now, step
        return seconds, steps


def whole(model: nn.Module, dtype: torch.dtype) -> dict[str, Tensor]:
    """Every parameter of this stage, put together from its shards, on the CPU of every rank that holds it."""
    tensors = {}
    for name, parameter in model.named_parameters(remove_duplicate=False):
        full = parameter.full_tensor() if isinstance(parameter, DTensor) else parameter
        tensors[name] = full.detach().cpu().to(dtype)
    return tensors
