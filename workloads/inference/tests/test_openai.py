"""The API as the real `openai` client sees it, from a server process."""

import json
from concurrent.futures import ThreadPoolExecutor

import httpx
import openai
import pytest
import torch
from making import make_tokenizer
from servers import running
from transformers import LlamaForCausalLM

HELLO = [{"role": "user", "content": "say it again, and say it slowly"}]


def encoded(messages):
    tokenizer = make_tokenizer()
    text = tokenizer.apply_chat_template(messages, tokenize=False, add_generation_prompt=True)
    return tokenizer.encode(text, add_special_tokens=False)


def raw_bytes(tokenizer, ids):
    """Byte-level BPE's own alphabet, undone."""
    from transformers.convert_slow_tokenizer import bytes_to_unicode

    table = {character: byte for byte, character in bytes_to_unicode().items()}
    for token in ids:
        piece = tokenizer.convert_ids_to_tokens(token)
        special = piece in tokenizer.all_special_tokens
        yield piece.encode() if special else bytes(table[character] for character in piece)


def test_sixteen_chats_at_once_each_answer_as_transformers_does(client, reference, model_dir):
    tokenizer = make_tokenizer()
    talks = [[{"role": "user", "content": "the quick brown fox " * count}] for count in range(1, 9)] * 2

    def ask(talk):
        return client.chat.completions.create(model="tiny", messages=talk, max_tokens=12, temperature=0)

    with ThreadPoolExecutor(16) as pool:
        replies = list(pool.map(ask, talks))
    for talk, reply in zip(talks, replies, strict=True):
        tokens = reference(encoded(talk), 12)
        assert reply.choices[0].message.content == tokenizer.decode(tokens, skip_special_tokens=True)
        assert reply.usage.prompt_tokens == len(encoded(talk))
        assert reply.usage.completion_tokens == len(tokens)


def test_a_stream_carries_the_same_text_usage_and_reason(client):
    asked = {"model": "tiny", "messages": HELLO, "max_tokens": 20, "seed": 5, "temperature": 1.0}
    whole = client.chat.completions.create(**asked)
    chunks = list(client.chat.completions.create(**asked, stream=True, stream_options={"include_usage": True}))
    assert chunks[0].choices[0].delta.role == "assistant"
    text = "".join(chunk.choices[0].delta.content or "" for chunk in chunks if chunk.choices)
    assert text == whole.choices[0].message.content
    assert chunks[-2].choices[0].finish_reason == whole.choices[0].finish_reason
    assert chunks[-1].choices == []
    assert chunks[-1].usage.completion_tokens == whole.usage.completion_tokens
    assert all(chunk.usage is None for chunk in chunks[:-1])


def test_a_stream_is_server_sent_events_that_end_with_done(server):
    asked = {"model": "tiny", "messages": HELLO, "max_tokens": 3, "stream": True}
    reply = httpx.post(f"{server[0]}/v1/chat/completions", json=asked)
    assert reply.headers["content-type"].startswith("text/event-stream")
    events = reply.text.split("\n\n")
    assert events[-2:] == ["data: [DONE]", ""]
    assert all(json.loads(event.removeprefix("data: "))["object"] == "chat.completion.chunk" for event in events[:-2])


def test_choices_have_seeds_of_their_own(client):
    asked = {"model": "tiny", "messages": HELLO, "max_tokens": 12, "n": 3, "seed": 1}
    first, again = client.chat.completions.create(**asked), client.chat.completions.create(**asked)
    texts = [choice.message.content for choice in first.choices]
    assert texts == [choice.message.content for choice in again.choices]
    assert len(set(texts)) == 3
    streamed = ["", "", ""]
    for chunk in client.chat.completions.create(**asked, stream=True):
        for choice in chunk.choices:
            streamed[choice.index] += choice.delta.content or ""
    assert streamed == texts


def test_stop_sequences_and_logprobs(client):
    asked = {
        "model": "tiny",
        "prompt": "the quick",
        "max_tokens": 30,
        "temperature": 0,
        "extra_body": {"ignore_eos": True},
    }
    whole = client.completions.create(**asked, logprobs=2).choices[0]
    assert "".join(whole.logprobs.tokens).replace("\ufffd", "")[:3] == whole.text.replace("\ufffd", "")[:3]
    assert len(whole.logprobs.token_logprobs) == 30
    assert all(len(top) <= 2 for top in whole.logprobs.top_logprobs)
    stop = whole.text[8:10]
    stopped = client.completions.create(**asked, stop=[stop]).choices[0]
    assert stopped.text == whole.text[: whole.text.index(stop)]
    assert stopped.finish_reason == "stop"


def test_prompts_may_be_several_or_tokens(client):
    asked = {"model": "tiny", "max_tokens": 6, "temperature": 0}
    both = client.completions.create(**asked, prompt=["the lazy dog", "the fox"])
    alone = [client.completions.create(**asked, prompt=text).choices[0].text for text in ("the lazy dog", "the fox")]
    assert [choice.text for choice in both.choices] == alone
    tokens = make_tokenizer().encode("the fox", add_special_tokens=False)
    assert client.completions.create(**asked, prompt=tokens).choices[0].text == alone[1]


def test_an_adapter_is_a_model_of_its_own(client, server, model_dir, adapter_dir):
    from peft import PeftModel

    asked = {"prompt": "the quick brown fox", "max_tokens": 10, "temperature": 0}
    with ThreadPoolExecutor(4) as pool:
        names = ["tiny", "tiny-lora"] * 2
        texts = list(pool.map(lambda name: client.completions.create(model=name, **asked).choices[0].text, names))
    assert texts[0] == texts[2] != texts[1] == texts[3]
    model = PeftModel.from_pretrained(LlamaForCausalLM.from_pretrained(model_dir), str(adapter_dir)).eval()
    tokenizer = make_tokenizer()
    ids = torch.tensor([tokenizer.encode("the quick brown fox", add_special_tokens=False)])
    output = model.generate(input_ids=ids, attention_mask=torch.ones_like(ids), max_new_tokens=10, do_sample=False)
    assert texts[1] == tokenizer.decode(output[0, ids.shape[1] :], skip_special_tokens=True)
    listed = client.models.list().data
    assert [model.id for model in listed] == ["tiny", "tiny-lora"]
    # KServe's clients look for the API here.
    kserve = openai.OpenAI(base_url=f"{server[0]}/openai/v1", api_key="none")
    assert [model.id for model in kserve.models.list().data] == ["tiny", "tiny-lora"]
    assert client.models.retrieve("tiny-lora").parent == "tiny"


@pytest.mark.parametrize(
    ("changed", "status", "code", "param"),
    [
        ({"model": "gpt-none"}, 404, "model_not_found", "model"),
        ({"messages": [{"role": "user", "content": "fox " * 400}]}, 400, "context_length_exceeded", "messages"),
        ({"max_tokens": 5000}, 400, "context_length_exceeded", "messages"),
        ({"max_tokens": 0}, 400, "greater_than_equal", "max_tokens"),
        ({"temperature": "hot"}, 400, "float_parsing", "temperature"),
        ({"messages": []}, 400, "too_short", "messages"),
        ({"messages": [{"role": "king", "content": "x"}]}, 400, "literal_error", "messages.0.role"),
        ({"tools": [{"type": "function", "function": {"name": "f"}}]}, 400, "unsupported_parameter", "tools"),
        ({"response_format": {"type": "json_object"}}, 400, "unsupported_parameter", "response_format"),
        ({"modalities": ["audio"]}, 400, "unsupported_parameter", "modalities"),
        ({"web_search_options": {}}, 400, "unsupported_parameter", "web_search_options"),
        ({"reasoning_effort": "high"}, 400, "unsupported_parameter", "reasoning_effort"),
        ({"extra_body": {"repetition_penalty": 1.2}}, 400, "unsupported_parameter", "repetition_penalty"),
        ({"extra_body": {"skip_special_tokens": False}}, 400, "unsupported_parameter", "skip_special_tokens"),
        ({"stop": ["a", "b", "c", "d", "e"]}, 400, None, "stop"),
        ({"top_logprobs": 2}, 400, None, "top_logprobs"),
        ({"logit_bias": {"99999": 1}}, 400, None, "logit_bias"),
    ],
)
def test_a_bad_request_is_refused_as_the_api_specifies(client, changed, status, code, param):
    with pytest.raises(openai.APIStatusError) as refused:
        client.chat.completions.create(**{"model": "tiny", "messages": HELLO} | changed)
    assert (refused.value.status_code, refused.value.code, refused.value.param) == (status, code, param)
    assert refused.value.body["type"] == "invalid_request_error"
    assert refused.value.body["message"]


@pytest.mark.parametrize("name", ["echo", "suffix", "best_of"])
def test_a_completion_parameter_that_is_not_done_is_refused_and_its_neutral_value_is_not(client, name):
    wrong, neutral = {"echo": (True, False), "suffix": ("end", ""), "best_of": (3, 1)}[name]
    with pytest.raises(openai.BadRequestError) as refused:
        client.completions.create(model="tiny", prompt="the fox", max_tokens=2, **{name: wrong})
    assert (refused.value.code, refused.value.param) == ("unsupported_parameter", name)
    assert client.completions.create(model="tiny", prompt="the fox", max_tokens=2, **{name: neutral}).choices


def test_each_status_is_the_exception_that_the_client_has_for_it(client, model_dir):
    with pytest.raises(openai.NotFoundError):
        client.models.retrieve("gpt-none")
    with pytest.raises(openai.NotFoundError):
        client.completions.create(model="gpt-none", prompt="x")
    with running(model_dir, rows=1, waiting=0, request_timeout_s=1.0) as server:
        held = openai.OpenAI(base_url=f"{server.url}/v1", api_key="none", max_retries=0)
        server.hold()
        asked = {"model": "tiny", "prompt": "the fox", "max_tokens": 50, "extra_body": {"ignore_eos": True}}
        stream = held.completions.create(**asked, stream=True)
        server.until(lambda service: len(service.engine._batch) == 1)
        with pytest.raises(openai.RateLimitError) as busy:
            held.completions.create(**asked)
        assert int(busy.value.response.headers["retry-after"]) >= 1
        # An error in the middle of a stream is an exception too, not a reply cut short.
        with pytest.raises(openai.APIError) as late:
            list(stream)
        assert late.value.code == "timeout"
        server.let_go()


def test_offsets_of_log_probabilities_go_on_through_a_stream(client):
    asked = {"model": "tiny", "prompt": "the quick", "max_tokens": 12, "temperature": 0, "logprobs": 1}
    more = {"extra_body": {"ignore_eos": True}}
    whole = client.completions.create(**asked, **more).choices[0].logprobs
    streamed = [chunk.choices[0].logprobs for chunk in client.completions.create(**asked, **more, stream=True)]
    assert [at for one in streamed if one for at in one.text_offset] == whole.text_offset
    assert whole.text_offset == [len("".join(whole.tokens[:at])) for at in range(12)]


def test_log_probabilities_are_those_of_transformers(client, model_dir):
    asked = {"model": "tiny", "messages": HELLO, "max_tokens": 8, "temperature": 0.0, "logprobs": True}
    content = client.chat.completions.create(**asked, top_logprobs=3).choices[0].logprobs.content
    prompt = encoded(HELLO)
    tokenizer = make_tokenizer()
    model = LlamaForCausalLM.from_pretrained(model_dir).eval()
    for entry in content:
        with torch.inference_mode():
            expected = torch.log_softmax(model(torch.tensor([prompt])).logits[0, -1], -1)
        values, ids = expected.topk(3)
        assert [one.logprob for one in entry.top_logprobs] == pytest.approx(values.tolist(), abs=1e-3)
        assert entry.logprob == pytest.approx(values[0].item(), abs=1e-3)
        assert bytes(entry.bytes) == b"".join(raw_bytes(tokenizer, ids[:1].tolist()))
        prompt = [*prompt, ids[0].item()]


@pytest.mark.parametrize(
    "body", [b"", b"{", b"[]", b"null", b'"x"', b"\xff\xfe", b'{"model": NaN}', b'{"model":"tiny"}']
)
def test_malformed_bodies_are_refused_and_the_server_stays_up(server, body):
    for path in ("/v1/chat/completions", "/v1/completions", "/v2/models/tiny/infer"):
        reply = httpx.post(server[0] + path, content=body)
        assert reply.status_code == 400, (path, reply.text)
        assert reply.json()["error"]
    assert httpx.get(f"{server[0]}/readyz").status_code == 200


def test_a_huge_body_and_an_unknown_path_are_refused_in_the_same_shape(server):
    huge = httpx.post(f"{server[0]}/v1/completions", content=b'"' + b"x" * 3_000_000)
    assert (huge.status_code, huge.json()["error"]["code"]) == (413, "request_too_large")
    unknown = httpx.get(f"{server[0]}/v1/nothing")
    assert (unknown.status_code, unknown.json()["error"]["type"]) == (404, "invalid_request_error")


def test_nothing_of_prompts_or_replies_is_in_the_log(server, client):
    secret = "mellonfriend"
    reply = client.completions.create(model="tiny", prompt=secret, max_tokens=20, temperature=0).choices[0].text
    with pytest.raises(openai.BadRequestError):
        client.chat.completions.create(model="tiny", messages=[{"role": secret, "content": secret}])
    with pytest.raises(openai.BadRequestError):
        client.completions.create(model="tiny", prompt=secret * 500)
    httpx.post(f"{server[0]}/v2/models/tiny/infer", json={"inputs": secret})
    log = server[1].read_text()
    assert "Application startup complete" in log
    assert secret not in log
    assert reply not in log
