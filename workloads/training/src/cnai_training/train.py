"""The training loop, for pre-training, fine-tuning and alignment alike."""

import math
import signal
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import asdict
from typing import Any

import torch
from torch import Tensor, nn
from torch.distributed.tensor import DTensor

from cnai_training import hf, lora, passes, storage
from cnai_training.checkpoint import Checkpoints, Facts
from cnai_training.data import Loader, Rows
from cnai_training.distributed import World, world
from cnai_training.errors import TrainingError
from cnai_training.job import Job, built, model_config, objective_of, wrapped
from cnai_training.metrics import Metrics, peak_tflops, say
from cnai_training.model import Llama, ModelConfig
from cnai_training.objectives import Objective
from cnai_training.optimizer import adamw, clipped, rate


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
            raise TrainingError(
                f"the loss of step {step} is {values['loss']}; lower the learning rate or look at the data"
            )
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
        loop, rows = self.loop, min(self.held_out.rows, self.loop.evaluate_rows)
        if rows == 0:
            return
        batch, micro = rows, loop.micro_batch
        if self.world.along("pipeline") > 1:
            # A stage's buffers have one shape and number: those of a step, some of them empty.
            batch, micro, rows = loop.global_batch, self.loader.micro, min(rows, loop.global_batch)
        loader = Loader(self.held_out, batch, micro, 0, self.loader.rank, self.loader.ranks, rows)
        self.model.eval()
        micros = [self.objective.micro(batch, self.world.device) for batch in loader.step(0)]
        total = self.passes(micros, 1.0, False) / self.world.along("tensor")
        self.model.train()
        loss, counted = self.world.totals(total, sum(m.count for m in micros) / self.world.model_ranks)
        if self.metrics is not None and counted:
            self.metrics.record(
                step, {"held_out_loss": loss / counted, "perplexity": math.exp(min(loss / counted, 700))}
            )

    def save_model(self) -> None:
        """`model/`, in parts where stages wrote it, and `adapter/` where adapters were trained."""
        tensors = whole(self.plain, torch.bfloat16 if self.loop.precision == "bf16" else torch.float32)
        leader = self.world.place("data") == 0 and self.world.place("tensor") == 0
        stage, stages = self.world.place("pipeline"), self.world.along("pipeline")
        url = storage.join(self.job.url, "model")
        if self.job.adapters:
            tensors, adapters = lora.separated(tensors, self.job.adapters)
            if leader:
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
