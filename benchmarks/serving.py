"""Serving at 16 concurrent streams against one-at-a-time `transformers.generate`: same model, same machine, one run.

Both sides answer the same prompts greedily with the same number of tokens. The server is a process of its own, asked
over HTTP with server-sent events; rounds of the two alternate, so that both see the same load. Beside tokens per
second: time to first token, the cost of guardrails, and the server's memory over sequential chats.
"""

import argparse
import asyncio
import contextlib
import itertools
import json
import os
import random
import re
import socket
import statistics
import subprocess
import sys
import tempfile
import time
import urllib.request
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]
SOURCE = ROOT / "workloads" / "inference" / "src"
TEXT = "the quick brown fox jumps over a lazy dog while two cats sleep under an old green tree near our house"
WORDS = TEXT.split()
GUARDRAILS = """
[length]
prompt_characters = 20000
[blocked]
patterns = ["make (a )?bombs?", "kill (him|her|them)"]
[personal_data]
"""


@dataclass
class Side:
    tokens: int = 0
    seconds: float = 0.0
    first: list[float] = field(default_factory=list)
    texts: dict[int, str] = field(default_factory=dict)

    @property
    def rate(self) -> float:
        return self.tokens / self.seconds


def make_model(path: Path, hidden: int, layers: int, vocabulary: int) -> None:
    import torch
    from tokenizers import Tokenizer, decoders, models, pre_tokenizers, trainers
    from transformers import LlamaConfig, LlamaForCausalLM, PreTrainedTokenizerFast

    tokenizer = Tokenizer(models.BPE())
    tokenizer.pre_tokenizer = pre_tokenizers.ByteLevel(add_prefix_space=False)
    tokenizer.decoder = decoders.ByteLevel()
    alphabet = pre_tokenizers.ByteLevel.alphabet()
    special = ["<pad>", "<|end|>"]
    trainer = trainers.BpeTrainer(special_tokens=special, initial_alphabet=alphabet, show_progress=False)
    tokenizer.train_from_iterator([" ".join(WORDS)] * 10, trainer)
    fast = PreTrainedTokenizerFast(tokenizer_object=tokenizer, pad_token="<pad>", eos_token="<|end|>")
    fast.chat_template = "{% for m in messages %}{{ m.role }}: {{ m.content }}\n{% endfor %}assistant:"
    torch.manual_seed(0)
    config = LlamaConfig(
        vocab_size=vocabulary,
        hidden_size=hidden,
        intermediate_size=hidden * 8 // 3 // 64 * 64,
        num_hidden_layers=layers,
        num_attention_heads=hidden // 32,
        num_key_value_heads=hidden // 64,
        max_position_embeddings=2048,
        initializer_range=0.1,
        bos_token_id=None,
        eos_token_id=None,
        pad_token_id=0,
    )
    LlamaForCausalLM(config).save_pretrained(path)
    fast.save_pretrained(path)


def talks(count: int) -> list[str]:
    source = random.Random(0)
    return [" ".join(source.choices(WORDS, k=source.randrange(10, 60))) for _ in range(count)]


class Baseline:
    """`transformers.generate`, one request after the other, with the number of threads that suits it best."""

    def __init__(self, path: Path, threads: list[int]) -> None:
        from transformers import AutoTokenizer, LlamaForCausalLM

        self.tokenizer = AutoTokenizer.from_pretrained(path)
        self.model = LlamaForCausalLM.from_pretrained(path).eval()
        self.sides = {count: Side() for count in threads}
        self.generate("warm up", 8)

    def generate(self, talk: str, tokens: int) -> tuple[int, str]:
        import torch

        text = self.tokenizer.apply_chat_template([{"role": "user", "content": talk}], tokenize=False)
        ids = torch.tensor([self.tokenizer.encode(text, add_special_tokens=False)])
        mask = torch.ones_like(ids)
        output = self.model.generate(ids, attention_mask=mask, max_new_tokens=tokens, do_sample=False)
        new = output[0, ids.shape[1] :]
        return len(new), self.tokenizer.decode(new, skip_special_tokens=True)

    def round(self, asked: list[str], tokens: int) -> None:
        import torch

        for count, side in self.sides.items():
            torch.set_num_threads(count)
            begun = time.perf_counter()
            for index, talk in enumerate(asked):
                made, side.texts[index] = self.generate(talk, tokens)
                side.tokens += made
            side.seconds += time.perf_counter() - begun

    @property
    def best(self) -> tuple[int, Side]:
        return max(self.sides.items(), key=lambda item: item[1].rate)


@contextlib.contextmanager
def server(path: Path, threads: int, *flags: str) -> Iterator[tuple[int, int]]:
    """Port and process id."""
    with socket.create_server(("127.0.0.1", 0)) as free:
        port = free.getsockname()[1]
    command = [
        sys.executable,
        "-m",
        "cnai_inference",
        "serve",
        "--model",
        str(path),
        "--name",
        "m",
        "--port",
        str(port),
    ]
    environment = os.environ | {"PYTHONPATH": str(SOURCE), "OMP_NUM_THREADS": str(threads)}
    child = subprocess.Popen([*command, "--engine", "batching", *flags], env=environment, stderr=subprocess.DEVNULL)
    try:
        while child.poll() is None:
            with contextlib.suppress(OSError), urllib.request.urlopen(f"http://127.0.0.1:{port}/readyz"):
                break
            time.sleep(0.2)
        if child.poll() is not None:
            raise SystemExit(f"the server ended with status {child.returncode}: run it by hand to see why")
        yield port, child.pid
    finally:
        child.terminate()
        child.wait()


async def ask(port: int, talk: str, tokens: int) -> tuple[float, int, str]:
    """Time to the first text, tokens, text; a bare client, since a rich one would take the server's processor time."""
    asked = {
        "model": "m",
        "messages": [{"role": "user", "content": talk}],
        "max_tokens": tokens,
        "temperature": 0,
        "ignore_eos": True,
        "stream": True,
        "stream_options": {"include_usage": True},
    }
    body = json.dumps(asked).encode()
    reader, writer = await asyncio.open_connection("127.0.0.1", port, limit=1 << 20)
    begun, first, text, made = time.perf_counter(), 0.0, [], 0
    head = f"POST /v1/chat/completions HTTP/1.1\r\nhost: x\r\ncontent-length: {len(body)}\r\nconnection: close\r\n\r\n"
    writer.write(head.encode() + body)
    async for line in reader:
        if not line.startswith(b"data: {"):
            continue
        event = json.loads(line[6:])
        made = event["usage"]["completion_tokens"] if event.get("usage") else made
        piece = event["choices"][0]["delta"].get("content") if event["choices"] else None
        if piece:
            first = first or time.perf_counter() - begun
            text.append(piece)
    writer.close()
    return first, made, "".join(text)


async def ask_all(port: int, asked: list[str], tokens: int, side: Side) -> None:
    begun = time.perf_counter()
    replies = await asyncio.gather(*(ask(port, talk, tokens) for talk in asked))
    side.seconds += time.perf_counter() - begun
    for index, (first, made, text) in enumerate(replies):
        side.first.append(first)
        side.tokens += made
        side.texts[index] = text


def resident_mib(pid: int) -> float:
    return int(re.search(r"VmRSS:\s+(\d+)", Path(f"/proc/{pid}/status").read_text())[1]) / 1024


def memory(port: int, pid: int, chats: int) -> dict[str, float]:
    """Resident memory after a tenth of the chats, and after all."""
    source, sizes = itertools.cycle(talks(200)), []
    for index in range(chats):
        asyncio.run(ask(port, f"{index} {next(source)}", 4))
        if index + 1 in (chats // 10, chats):
            sizes.append(resident_mib(pid))
    return (
        {"chats": chats, "after_a_tenth_mib": round(sizes[0], 1), "after_all_mib": round(sizes[1], 1)} if sizes else {}
    )


def measure(options: argparse.Namespace, path: Path) -> dict[str, object]:
    asked = talks(options.streams)
    baseline = Baseline(path, sorted({1, options.threads}))
    plain, guarded = Side(), Side()
    (path.parent / "guardrails.toml").write_text(GUARDRAILS)
    # The prefix cache would spare the server the prompts of every round but the first.
    flags = ["--rows", str(options.streams), "--prefix-tokens", "0", *(["--int8"] if options.int8 else [])]
    rails = ["--guardrails", str(path.parent / "guardrails.toml")]
    with (
        server(path, options.threads, *flags) as (port, pid),
        server(path, options.threads, *flags, *rails) as (other, _),
    ):
        for one in (port, other):
            asyncio.run(ask_all(one, asked, 8, Side()))
        for number in range(options.rounds):
            baseline.round(asked[: options.baseline_streams], options.tokens)
            asyncio.run(ask_all(port, asked, options.tokens, plain))
            asyncio.run(ask_all(other, asked, options.tokens, guarded))
            print(
                f"round {number + 1}: generate {baseline.best[1].rate:.0f}, server {plain.rate:.0f} tokens/s",
                flush=True,
            )
        grown = memory(port, pid, options.chats)
    return result(options, baseline, plain, guarded, grown)


def result(
    options: argparse.Namespace, baseline: Baseline, plain: Side, guarded: Side, grown: dict[str, float]
) -> dict[str, object]:
    threads, best = baseline.best
    first = sorted(plain.first)
    print(f"time to first token: median {statistics.median(first):.3f} s, p95 {first[int(0.95 * len(first))]:.3f} s")
    print(f"guardrails on: {guarded.rate:.0f} tokens/s, {1 - guarded.rate / plain.rate:+.1%} lost")
    return {
        "benchmark": "serving",
        "model_parameters": sum(parameter.numel() for parameter in baseline.model.parameters()),
        "streams": options.streams,
        "tokens_per_stream": options.tokens,
        "rounds": options.rounds,
        "int8": options.int8,
        "threads": options.threads,
        "cores": os.cpu_count(),
        "load_average": round(os.getloadavg()[0], 1),
        "same_text": sum(plain.texts[index] == text for index, text in best.texts.items()) / len(best.texts),
        "ttft_p50_s": round(statistics.median(first), 4),
        "ttft_p95_s": round(first[int(0.95 * len(first))], 4),
        "memory": grown,
        "guardrails_tokens_per_s": round(guarded.rate, 1),
        "guardrails_ratio": round(guarded.rate / plain.rate, 3),
        "baseline_threads": threads,
        "baseline_tokens_per_s": round(best.rate, 1),
        "tokens_per_s": round(plain.rate, 1),
        "ratio": round(plain.rate / best.rate, 2),
    }


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--hidden", type=int, default=256)
    parser.add_argument("--layers", type=int, default=6)
    parser.add_argument("--vocabulary", type=int, default=4096)
    parser.add_argument("--streams", type=int, default=16)
    parser.add_argument("--baseline-streams", type=int, default=4, help="of the same prompts, one at a time")
    parser.add_argument("--tokens", type=int, default=128)
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument(
        "--chats", type=int, default=1000, help="sequential chats for the memory check; 0 leaves it out"
    )
    parser.add_argument("--threads", type=int, default=os.cpu_count() or 1)
    parser.add_argument("--int8", action="store_true", help="int8 weights in the server; the baseline stays float32")
    options = parser.parse_args()
    with tempfile.TemporaryDirectory() as scratch:
        path = Path(scratch) / "model"
        make_model(path, options.hidden, options.layers, options.vocabulary)
        print(json.dumps(measure(options, path)))


if __name__ == "__main__":
    main()
