"""The API as the real `openai` client sees it, from a server process."""

import json
from concurrent.futures import ThreadPoolExecutor

import httpx
import openai
import pytest
import torch
from making import make_tokenizer

HELLO = [{"role": "user", "content": "say it again, and say it slowly"}]


def encoded(messages):
    tokenizer = make_tokenizer()
    text = tokenizer.apply_chat_template(messages, tokenize=False, add_generation_prompt=True)
    return tokenizer.encode(text, add_special_tokens=False)


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


def test_an_adapter_is_a_model_of_its_own(client, model_dir, adapter_dir):
    from peft import PeftModel
    from transformers import LlamaForCausalLM

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


def test_the_open_inference_protocol_describes_and_answers(server, client):
    url = f"{server[0]}/v2"
    assert httpx.get(f"{url}/health/live").json() == {"live": True}
    assert httpx.get(f"{url}/health/ready").json() == {"ready": True}
    assert httpx.get(f"{url}/models/tiny/ready").json()["ready"] is True
    described = httpx.get(f"{url}/models/tiny").json()
    assert [one["name"] for one in described["inputs"]] == ["text_input"]
    asked = {
        "id": "7",
        "inputs": [{"name": "text_input", "datatype": "BYTES", "shape": [2], "data": ["the fox", "the dog"]}],
        "parameters": {"max_tokens": 6, "temperature": 0.0},
    }
    reply = httpx.post(f"{url}/models/tiny/infer", json=asked).json()
    assert reply["id"] == "7"
    same = client.completions.create(model="tiny", prompt=["the fox", "the dog"], max_tokens=6, temperature=0)
    assert reply["outputs"][0]["data"] == [choice.text for choice in same.choices]
    assert httpx.post(f"{url}/models/none/infer", json=asked).status_code == 404
    asked["inputs"][0]["name"] = "other"
    assert httpx.post(f"{url}/models/tiny/infer", json=asked).status_code == 400
    # Anyone could unload the model through these, so they are not there.
    assert httpx.post(f"{url}/repository/models/tiny/unload").status_code == 404


def test_metrics_have_the_names_that_vllms_dashboards_use(server, client):
    client.completions.create(model="tiny", prompt="the fox", max_tokens=4, extra_body={"ignore_eos": True})
    page = httpx.get(f"{server[0]}/metrics").text
    for name in (
        "vllm:num_requests_running",
        "vllm:num_requests_waiting",
        "vllm:kv_cache_usage_perc",
        "vllm:prefix_cache_queries_total",
        "vllm:prefix_cache_hits_total",
        "vllm:prompt_tokens_total",
        "vllm:generation_tokens_total",
        "vllm:time_to_first_token_seconds_bucket",
        "vllm:inter_token_latency_seconds_bucket",
        "vllm:time_per_output_token_seconds_bucket",
        "vllm:e2e_request_latency_seconds_bucket",
        "vllm:request_queue_time_seconds_bucket",
    ):
        assert f'{name}{{engine="0",' in page, name
    assert 'vllm:request_success_total{engine="0",finished_reason="length",model_name="tiny"}' in page


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
