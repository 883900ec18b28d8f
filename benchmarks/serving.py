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
import statistics
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from pathlib import Path

INFERENCE = Path(__file__).resolve().parents[1] / "workloads" / "inference"
WORDS = ["the", "quick", "brown", "fox", "jumps", "over", "a", "lazy", "dog", "and", "say", "it", "again", "slowly"]
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


def talks(count: int) -> list[str]:
    source = random.Random(0)
    return [" ".join(source.choices(WORDS, k=source.randrange(10, 60))) for _ in range(count)]


class Baseline:
    """`transformers.generate`, one request after the other."""

    def __init__(self, path: Path) -> None:
        from transformers import AutoTokenizer, LlamaForCausalLM

        self.tokenizer = AutoTokenizer.from_pretrained(path)
        self.model = LlamaForCausalLM.from_pretrained(path).eval()
        self.side = Side()
        self.generate("warm up", 8)

    def use(self, threads: int) -> float:
        """Tokens per second of a short trial with so many threads, which stay set."""
        import torch

        torch.set_num_threads(threads)
        begun = time.perf_counter()
        made, _ = self.generate(talks(1)[0], 16)
        return made / (time.perf_counter() - begun)

    def generate(self, talk: str, tokens: int) -> tuple[int, str]:
        import torch

        text = self.tokenizer.apply_chat_template(
            [{"role": "user", "content": talk}], tokenize=False, add_generation_prompt=True
        )
        ids = torch.tensor([self.tokenizer.encode(text, add_special_tokens=False)])
        mask = torch.ones_like(ids)
        output = self.model.generate(ids, attention_mask=mask, max_new_tokens=tokens, do_sample=False)
        new = output[0, ids.shape[1] :]
        return len(new), self.tokenizer.decode(new, skip_special_tokens=True)

    def round(self, asked: list[str], tokens: int) -> None:
        begun = time.perf_counter()
        for index, talk in enumerate(asked):
            made, self.side.texts[index] = self.generate(talk, tokens)
            self.side.tokens += made
        self.side.seconds += time.perf_counter() - begun


@contextlib.contextmanager
def server(path: Path, threads: int, *flags: str) -> Iterator[tuple[int, int]]:
    """Port and process id."""
    from servers import process

    log = path.parent / f"log-{threads}-{len(flags)}"
    with process(path, log, *flags, "--threads", str(threads)) as (url, child):
        yield int(url.rpartition(":")[2]), child.pid


async def ask(port: int, talk: str, tokens: int) -> tuple[float, int, str]:
    """Time to the first text, tokens, text; a bare client, since a rich one would take the server's processor time."""
    asked = {
        "model": "tiny",
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
    """Resident memory after half of the chats and after all; before, kernels are made for each length of prompt."""
    source, sizes = itertools.cycle(talks(200)), []
    for index in range(chats):
        asyncio.run(ask(port, f"{index} {next(source)}", 4))
        if index + 1 in (chats // 2, chats):
            sizes.append(resident_mib(pid))
    return {"chats": chats, "after_half_mib": round(sizes[0], 1), "after_all_mib": round(sizes[1], 1)} if sizes else {}


def fastest(counts: list[int], trial: Callable[[int], float]) -> int:
    """Each side runs with the number of threads that suits it best."""
    rates = {count: trial(count) for count in counts}
    return max(rates, key=lambda count: rates[count])


def trial(port: int, asked: list[str]) -> float:
    side = Side()
    asyncio.run(ask_all(port, asked, 4, Side()))
    asyncio.run(ask_all(port, asked, 8, side))
    return side.rate


def measure(options: argparse.Namespace, path: Path) -> dict[str, object]:
    asked, counts = talks(options.streams), sorted({1, options.threads})
    baseline = Baseline(path)
    baseline_threads = fastest(counts, baseline.use)
    baseline.use(baseline_threads)
    plain, guarded = Side(), Side()
    (path.parent / "guardrails.toml").write_text(GUARDRAILS)
    # The prefix cache would spare the server the prompts of every round but the first.
    flags = ["--rows", str(options.streams), "--prefix-tokens", "0", *(["--int8"] if options.int8 else [])]
    rails = ["--guardrails", str(path.parent / "guardrails.toml")]
    with contextlib.ExitStack() as stack:
        servers = {count: stack.enter_context(server(path, count, *flags)) for count in counts}
        threads = fastest(counts, lambda count: trial(servers[count][0], asked))
        port, pid = servers[threads]
        other, _ = stack.enter_context(server(path, threads, *flags, *rails))
        trial(other, asked)
        for number in range(options.rounds):
            baseline.round(asked[: options.baseline_streams], options.tokens)
            asyncio.run(ask_all(port, asked, options.tokens, plain))
            asyncio.run(ask_all(other, asked, options.tokens, guarded))
            rates = f"generate {baseline.side.rate:.0f}, server {plain.rate:.0f} tokens/s"
            print(f"round {number + 1}: {rates}", flush=True)
        grown = memory(port, pid, options.chats)
    conditions = {
        "model_parameters": sum(parameter.numel() for parameter in baseline.model.parameters()),
        "streams": options.streams,
        "tokens_per_stream": options.tokens,
        "rounds": options.rounds,
        "int8": options.int8,
        "threads": threads,
        "baseline_threads": baseline_threads,
    }
    return conditions | result(baseline.side, plain, guarded) | {"memory": grown}


def result(baseline: Side, plain: Side, guarded: Side) -> dict[str, object]:
    first = sorted(plain.first)
    middle, late = statistics.median(first), first[int(0.95 * len(first))]
    print(f"time to first token: median {middle:.3f} s, p95 {late:.3f} s")
    print(f"guardrails on: {guarded.rate:.0f} tokens/s, {1 - guarded.rate / plain.rate:+.1%} lost")
    return {
        "cores": os.cpu_count(),
        "load_average": round(os.getloadavg()[0], 1),
        "same_text": sum(plain.texts[index] == text for index, text in baseline.texts.items()) / len(baseline.texts),
        "ttft_p50_s": round(middle, 4),
        "ttft_p95_s": round(late, 4),
        "guardrails_ratio": round(guarded.rate / plain.rate, 3),
        "baseline_tokens_per_s": round(baseline.rate, 1),
        "tokens_per_s": round(plain.rate, 1),
        "ratio": round(plain.rate / baseline.rate, 2),
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
    parser.add_argument("--threads", type=int, default=os.cpu_count() or 1, help="tried beside 1; the faster is used")
    parser.add_argument("--int8", action="store_true", help="int8 weights in the server; the baseline stays float32")
    options = parser.parse_args()
    with tempfile.TemporaryDirectory() as scratch:
        # The tests' own: random weights and a small tokenizer.
        sys.path[:0] = [str(INFERENCE / "src"), str(INFERENCE / "tests")]
        from making import make_model

        shape = {"hidden": options.hidden, "layers": options.layers, "vocabulary": options.vocabulary}
        path = make_model(Path(scratch) / "model", context=2048, ends=False, **shape)
        print(json.dumps(measure(options, path)))


if __name__ == "__main__":
    main()
