"""Training tokens/s of cnai-training beside a nanoGPT-style loop: same parameters, batch, precision and machine.

Both run in turns in one process, so that what else the machine does falls on both. The last line is one JSON object.
"""

import argparse
import json
import logging
import os
import platform
import statistics
import sys
import tempfile
import time
from collections import Counter
from collections.abc import Callable, Iterator
from pathlib import Path

import torch
import torch.nn.functional as F  # noqa: N812
from torch import Tensor, nn

sys.path.insert(0, str(Path(__file__).parent.parent / "workloads/training/src"))

from cnai_training import config, train
from cnai_training import job as jobs
from cnai_training.distributed import world
from cnai_training.prepare import shards, tokenizer

VOCAB, WIDTH, LAYERS, HEADS, CONTEXT, BATCH = 2048, 256, 6, 4, 256, 8


class Block(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.norm_1, self.norm_2 = nn.LayerNorm(WIDTH, bias=False), nn.LayerNorm(WIDTH, bias=False)
        self.qkv, self.out = nn.Linear(WIDTH, 3 * WIDTH, bias=False), nn.Linear(WIDTH, WIDTH, bias=False)
        self.up, self.down = nn.Linear(WIDTH, 4 * WIDTH, bias=False), nn.Linear(4 * WIDTH, WIDTH, bias=False)

    def forward(self, x: Tensor) -> Tensor:
        batch, length, width = x.shape
        q, k, v = self.qkv(self.norm_1(x)).split(width, dim=2)
        q, k, v = (t.view(batch, length, HEADS, width // HEADS).transpose(1, 2) for t in (q, k, v))
        y = F.scaled_dot_product_attention(q, k, v, is_causal=True)
        x = x + self.out(y.transpose(1, 2).contiguous().view(batch, length, width))
        return x + self.down(F.gelu(self.up(self.norm_2(x))))


class Gpt(nn.Module):
    """GPT-2's shape: learned positions, LayerNorm, GELU, tied embeddings."""

    def __init__(self) -> None:
        super().__init__()
        self.tokens, self.places = nn.Embedding(VOCAB, WIDTH), nn.Embedding(CONTEXT, WIDTH)
        self.blocks = nn.ModuleList(Block() for _ in range(LAYERS))
        self.norm, self.head = nn.LayerNorm(WIDTH, bias=False), nn.Linear(WIDTH, VOCAB, bias=False)
        self.head.weight = self.tokens.weight

    def forward(self, x: Tensor, targets: Tensor) -> Tensor:
        y = self.tokens(x) + self.places(torch.arange(x.shape[1], device=x.device))
        for block in self.blocks:
            y = block(y)
        return F.cross_entropy(self.head(self.norm(y)).view(-1, VOCAB), targets.view(-1))


def baseline(data: Tensor, precision: str, compiled: bool) -> Iterator[float]:
    """nanoGPT's loop: random crops of one stream, AdamW, clipping; yields the loss."""
    torch.manual_seed(1)
    model = Gpt()
    run = torch.compile(model) if compiled else model
    optimizer = torch.optim.AdamW(model.parameters(), lr=1e-3, betas=(0.9, 0.95), weight_decay=0.1, fused=True)
    while True:
        starts = torch.randint(len(data) - CONTEXT - 1, (BATCH,))
        x = torch.stack([data[i : i + CONTEXT] for i in starts])
        y = torch.stack([data[i + 1 : i + 1 + CONTEXT] for i in starts])
        with torch.autocast("cpu", torch.bfloat16, enabled=precision == "bf16"):
            loss = run(x, y)
        loss.backward()
        torch.nn.utils.clip_grad_norm_(model.parameters(), 1.0)
        optimizer.step()
        optimizer.zero_grad(set_to_none=True)
        yield loss.item()


def prepared(run: Path, rows: int) -> Tensor:
    """Random tokens in our format, and the same tokens as a stream."""
    generator = torch.Generator().manual_seed(0)
    stream = torch.randint(8, VOCAB - 1, (rows * CONTEXT + 1,), generator=generator)
    made = tokenizer.trained(iter(["words " * 9]), 300)
    tokenizer.save(made, str(run / "tokenizer"), CONTEXT)
    for split in ("train", "held-out"):
        writer = shards.Writer(str(run / "data/text" / split), 4096)
        writer.write(shards.packed_text(iter([stream.tolist()]), CONTEXT))
        facts = {"kind": "text", "part": [0, 1], "context": CONTEXT, "vocab_size": VOCAB}
        writer.close({**facts, "tokenizer": tokenizer.digest(str(run / "tokenizer"))}, Counter())
    return stream


def settings(run: Path, precision: str, width: int, compiled: bool) -> config.Config:
    model = {"hidden_size": WIDTH, "layers": LAYERS, "heads": HEADS, "kv_heads": HEADS // 2, "tie_embeddings": True}
    loop = {"steps": 10**6, "global_batch": BATCH, "micro_batch": BATCH, "precision": precision, "compile": compiled}
    return config.build(
        config.Config,
        {
            "run": str(run),
            "model": {**model, "intermediate_size": width},
            "train": {**loop, "checkpoint_every": 10**6, "learning_rate": 1e-3},
        },
        "",
    )


def parameters(model: nn.Module) -> int:
    return sum(p.numel() for p in model.parameters())


class Ours:
    """The product's own loop, stepped from outside."""

    def __init__(self, run: Path, precision: str, compiled: bool, at_least: int) -> None:
        self.context = world(config.Parallel())
        here = self.context.__enter__()
        width = 512
        while True:
            job = jobs.job("train", settings(run, precision, width, compiled))
            rows = job.rows("train")
            shape = jobs.model_config(job, rows)
            model = jobs.built(job, shape, here, None)
            if parameters(model) >= at_least:
                break
            width += 16
        self.trainer = train.Trainer(job, here, rows, shape, model, jobs.objective_of(job, model, shape, here))
        self.parameters = parameters(model)
        self.at = 0

    def step(self) -> float:
        self.at += 1
        values, _ = self.trainer.step(self.at, [])
        return values["loss"]

    def save(self) -> float:
        """Seconds that the loop stands still for an asynchronous checkpoint."""
        began = time.perf_counter()
        self.trainer.checkpoints.save(self.at, self.trainer.plain, self.trainer.optimizer, self.trainer.facts)
        return time.perf_counter() - began


def timed(step: Callable[[], float], count: int) -> tuple[float, float]:
    """Seconds of a step by the clock, and of processor time: the latter hardly feels a neighbour."""
    began, used = time.perf_counter(), time.process_time()
    for _ in range(count):
        step()
    return (time.perf_counter() - began) / count, (time.process_time() - used) / count


def measured(arguments: argparse.Namespace) -> dict[str, object]:
    with tempfile.TemporaryDirectory() as folder:
        data = prepared(Path(folder), 64)
        theirs = baseline(data, arguments.precision, arguments.compile)
        ours = Ours(Path(folder), arguments.precision, arguments.compile, parameters(Gpt()))
        for _ in range(2):
            next(theirs)
            ours.step()
        # Turn about, so that a busy neighbour slows both; the ratio is of neighbours in time.
        pairs = [
            (timed(ours.step, arguments.steps), timed(lambda: next(theirs), arguments.steps))
            for _ in range(arguments.rounds)
        ]
        stalls = []
        for _ in range(3):
            stalls.append(ours.save())
            for _ in range(3):
                ours.step()
            ours.trainer.checkpoints.wait()
    tokens = BATCH * CONTEXT
    step = statistics.median(mine[0] for mine, _ in pairs)
    return {
        "benchmark": "training",
        "tokens_per_second": round(tokens / step),
        "baseline_tokens_per_second": round(tokens / statistics.median(other[0] for _, other in pairs)),
        "ratio": round(statistics.median(other[0] / mine[0] for mine, other in pairs), 3),
        "ratio_of_processor_time": round(statistics.median(other[1] / mine[1] for mine, other in pairs), 3),
        "parameters": ours.parameters,
        "baseline_parameters": parameters(Gpt()),
        "checkpoint_stall_seconds": round(statistics.median(stalls), 4),
        "step_seconds": round(step, 4),
        "checkpoint_stall_share_of_step": round(statistics.median(stalls) / step, 4),
        "stall_share_of_interval": round(statistics.median(stalls) / (step * arguments.checkpoint_every), 4),
        "conditions": conditions(arguments),
    }


def conditions(arguments: argparse.Namespace) -> dict[str, object]:
    return {
        "batch": BATCH,
        "context": CONTEXT,
        "precision": arguments.precision,
        "compile": arguments.compile,
        "threads": torch.get_num_threads(),
        "steps": arguments.steps,
        "rounds": arguments.rounds,
        "checkpoint_every": arguments.checkpoint_every,
        "cpu": cpu(),
        "torch": torch.__version__,
        "load": [round(value, 1) for value in os.getloadavg()],
    }


def cpu() -> str:
    names = [line for line in Path("/proc/cpuinfo").read_text().splitlines() if line.startswith("model name")]
    return names[0].partition(":")[2].strip() if names else platform.processor()


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--steps", type=int, default=3, help="steps in a turn")
    parser.add_argument("--rounds", type=int, default=9, help="turns of each side")
    parser.add_argument("--precision", choices=("fp32", "bf16"), default="fp32")
    parser.add_argument("--checkpoint-every", type=int, default=50, help="steps between checkpoints")
    parser.add_argument("--threads", type=int, default=0, help="0 takes torch's own choice")
    parser.add_argument("--compile", action=argparse.BooleanOptionalAction, default=True, help="as nanoGPT's default")
    given = parser.parse_args()
    torch.set_num_threads(given.threads or torch.get_num_threads())
    logging.disable(logging.INFO)
    print(json.dumps(measured(given)))
