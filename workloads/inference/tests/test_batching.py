"""The step loop against `transformers.generate`."""

import random

import pytest
from cnai_inference.engine.model import CausalModel
from cnai_inference.engine.prefix import block_hashes
from cnai_inference.engine.request import GenerationRequest, Sampling
from cnai_inference.engine.step import Batch
from tokenizers import Tokenizer
from transformers import LlamaForCausalLM


@pytest.fixture(scope="module")
def causal_model(model_dir):
    return CausalModel(LlamaForCausalLM.from_pretrained(model_dir))


@pytest.fixture
def new_batch(causal_model, model_dir):
    tokenizer = Tokenizer.from_file(str(model_dir / "tokenizer.json"))

    def make(**changed):
        options = {"rows": 4, "max_len": 256, "prefill": 24, "prefix": 0} | changed
        return Batch(causal_model, tokenizer, **options)

    return make


def prompts(count, seed=0, longest=90):
    source = random.Random(seed)
    return [tuple(source.randrange(5, 320) for _ in range(source.randrange(1, longest))) for _ in range(count)]


def run_all(batch, requests, leave_at=()):
    """Admits as there is room; a row named in `leave_at` is cancelled once it has that many tokens."""
    waiting = [batch.new_row(request) for request in requests]
    rows = list(waiting)
    leave = dict(leave_at)
    while waiting or len(batch):
        while waiting and batch.room:
            batch.add(waiting.pop(0))
        batch.step()
        for row in list(batch.all()):
            if len(row.output) >= leave.get(row.request.id, 10_000):
                batch.remove(row)
    return {row.request.id: row for row in rows}


def request(name, prompt, **sampling):
    return GenerationRequest(id=str(name), prompt=prompt, sampling=Sampling(**{"temperature": 0} | sampling))


def test_greedy_output_is_that_of_transformers_while_requests_join_and_leave(new_batch, reference):
    asked = [request(index, prompt, max_tokens=5 + 3 * index) for index, prompt in enumerate(prompts(12))]
    rows = run_all(new_batch(), asked, leave_at={"2": 3, "5": 7, "6": 1})
    for one in asked:
        output = rows[one.id].output
        assert output == reference(one.prompt, one.sampling.max_tokens)[: len(output)]
        assert one.id in {"2", "5", "6"} or rows[one.id].finished


def test_a_prompt_in_chunks_gives_the_same_as_a_whole_one(new_batch, reference):
    (prompt,) = prompts(1, seed=3, longest=200)
    for prefill in (1, 7, 512):
        rows = run_all(new_batch(prefill=prefill), [request(0, prompt, max_tokens=6)])
        assert rows["0"].output == reference(prompt, 6)


def test_a_seed_gives_the_same_text_whatever_else_runs(new_batch):
    chosen = request("it", prompts(1)[0], temperature=0.9, seed=7, max_tokens=20, ignore_eos=True)
    others = [
        request(index, prompt, temperature=1.3, top_p=0.8, top_k=index, max_tokens=9)
        for index, prompt in enumerate(prompts(9, seed=1))
    ]
    alone = run_all(new_batch(), [chosen])["it"].output
    for place in (0, 4, 9):
        among = [*others[:place], chosen, *others[place:]]
        assert run_all(new_batch(), among)["it"].output == alone
    assert (
        run_all(new_batch(), [request("it", chosen.prompt, temperature=0.9, seed=8, max_tokens=20)])["it"].output
        != alone
    )


def test_the_prefix_cache_spares_what_was_seen_and_changes_nothing(new_batch, reference):
    batch = new_batch(prefix=4096)
    base = prompts(1, seed=5, longest=90)[0] * 3
    first = run_all(batch, [request("a", base[:100], max_tokens=8)])["a"]
    second = run_all(batch, [request("b", (*base[:80], 7, 8, 9), max_tokens=8)])["b"]
    assert (first.cached, second.cached) == (0, 80)
    assert second.output == reference((*base[:80], 7, 8, 9), 8)
    # A conversation's next turn starts with the last turn's answer.
    turn = (*base[:100], *first.output, 11, 12)
    third = run_all(batch, [request("c", turn, max_tokens=8)])["c"]
    assert third.cached >= 96
    assert third.output == reference(turn, 8)


def test_the_prefix_cache_stays_within_its_limit_and_apart_per_adapter(new_batch):
    batch = new_batch(prefix=64)
    for index, prompt in enumerate(prompts(6, seed=2)):
        run_all(batch, [request(index, prompt, max_tokens=2)])
    assert batch.prefix.tokens <= 64
    assert list(block_hashes(range(32), None)) != list(block_hashes(range(32), "adapter"))
    # The same block after another beginning is another block.
    assert list(block_hashes([1] * 16 + [2] * 16, None))[1] != list(block_hashes([3] * 16 + [2] * 16, None))[1]


def test_a_full_prefix_cache_keeps_beginnings_and_stays_right(new_batch, reference):
    batch = new_batch(prefix=64)
    (long,) = prompts(1, seed=6, longest=200)
    long = (long * 20)[:120]
    assert run_all(batch, [request("a", long, max_tokens=4)])["a"].cached == 0
    # Four blocks are kept of seven: the first ones, since the others are never found without them.
    again = run_all(batch, [request("b", long, max_tokens=4)])["b"]
    assert again.cached == 64
    assert again.output == reference(long, 4)
    for index, prompt in enumerate(prompts(12, seed=7)):
        row = run_all(batch, [request(index, (*long[:40], *prompt), max_tokens=4)])[str(index)]
        assert row.cached >= 32
        assert row.output == reference((*long[:40], *prompt), 4)
        assert batch.prefix.tokens <= 64


def test_a_stop_sequence_ends_the_text_before_it(new_batch):
    whole = run_all(new_batch(), [request("w", (9, 8, 7), max_tokens=40, ignore_eos=True)])["w"]
    text = whole.text._tokenizer.decode(whole.output)
    stop = text[10:13]
    batch = new_batch()
    row = batch.new_row(request("s", (9, 8, 7), max_tokens=40, ignore_eos=True, stop=(stop, "never seen")))
    batch.add(row)
    given = "".join(chunk.text for _ in range(200) if len(batch) for _, chunk in batch.step())
    assert given == text[: text.index(stop)]
    assert row.finished == "stop"


def test_the_context_ends_generation(new_batch):
    row = run_all(new_batch(max_len=40), [request(0, prompts(1)[0][:20], max_tokens=500, ignore_eos=True)])["0"]
    assert row.finished == "length"
    assert len(row.output) + len(row.request.prompt) == 40


def test_logprobs_are_those_of_the_model(new_batch, causal_model):
    import torch

    batch = new_batch()
    row = batch.new_row(request("l", (5, 6, 7), max_tokens=1, logprobs=3))
    batch.add(row)
    ((_, chunk),) = batch.step()
    with torch.inference_mode():
        logits = causal_model._model(torch.tensor([[5, 6, 7]])).logits[0, -1]
    expected = torch.log_softmax(logits, -1)
    values, ids = expected.topk(3)
    assert [token for token, _ in chunk.tokens[0].top] == ids.tolist()
    assert chunk.tokens[0].logprob == pytest.approx(values[0].item(), abs=1e-4)
