"""KServe's open inference protocol, as its specification has it."""

import json
import struct

import httpx
import pytest
from making import make_tokenizer
from servers import running


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


def test_a_version_may_be_named_and_only_the_one_that_is_there(server):
    url = f"{server[0]}/v2/models/tiny"
    assert httpx.get(url).json()["versions"] == ["1"]
    assert httpx.get(f"{url}/versions/1").json() == httpx.get(url).json()
    assert httpx.get(f"{url}/versions/1/ready").json()["ready"] is True
    asked = {"text_input": "the fox", "parameters": {"temperature": 0}}
    assert httpx.post(f"{url}/versions/1/generate", json=asked).status_code == 200
    unknown = httpx.post(f"{url}/versions/2/generate", json=asked)
    assert (unknown.status_code, list(unknown.json())) == (404, ["error"])
    assert "version" in unknown.json()["error"]


def test_tensors_may_follow_in_binary_and_broken_ones_are_refused(server):
    url = f"{server[0]}/v2/models/tiny/infer"
    data = struct.pack("<I", 7) + b"the fox"
    tensor = {"name": "text_input", "datatype": "BYTES", "shape": [1], "parameters": {"binary_data_size": len(data)}}
    head = json.dumps({"inputs": [tensor], "parameters": {"max_tokens": 4, "temperature": 0.0}}).encode()

    def post(body, length):
        return httpx.post(url, content=body, headers={"inference-header-content-length": str(length)})

    plain = {"name": "text_input", "datatype": "BYTES", "shape": [1], "data": ["the fox"]}
    same = httpx.post(url, json={"inputs": [plain], "parameters": {"max_tokens": 4, "temperature": 0.0}}).json()
    assert post(head + data, len(head)).json()["outputs"] == same["outputs"]
    for body, length in (
        (head + data, "many"),
        (head + data, 3),
        (head + data[:5], len(head)),
        (head, 10**9),
        (b"", 0),
    ):
        broken = post(body, length)
        assert broken.status_code == 400, (body, length, broken.text)
        assert isinstance(broken.json()["error"], str)


@pytest.mark.parametrize(
    ("shape", "parameters", "says"),
    [
        ([2], {}, "shape"),
        ([1], {"n": 2}, "n is not supported"),
        ([1], {"echo": True}, "echo is not supported"),
        ([1], {"repetition_penalty": 1.2}, "repetition_penalty is not supported"),
    ],
)
def test_infer_refuses_what_it_would_leave_out(server, shape, parameters, says):
    text = {"name": "text_input", "datatype": "BYTES", "shape": shape, "data": ["the fox"]}
    reply = httpx.post(f"{server[0]}/v2/models/tiny/infer", json={"inputs": [text], "parameters": parameters})
    assert (reply.status_code, says in reply.json()["error"]) == (400, True), reply.text


def test_the_server_names_the_extensions_that_it_has(server):
    described = httpx.get(f"{server[0]}/v2").json()
    assert {"name", "version"} <= set(described)
    assert described["extensions"] == ["binary_tensor_data", "generate"]


def test_generate_answers_as_infer_does_and_tells_why_it_ended(server, client):
    url = f"{server[0]}/v2/models/tiny/generate"
    asked = {"text_input": "the fox", "parameters": {"max_tokens": 6, "temperature": 0}}
    same = client.completions.create(model="tiny", prompt="the fox", max_tokens=6, temperature=0).choices[0]
    assert httpx.post(url, json=asked).json() == {"text_output": same.text, "model_name": "tiny"}
    asked["parameters"] |= {"details": True, "ignore_eos": True}
    details = httpx.post(url, json=asked).json()["details"]
    assert details["finish_reason"] == "length"
    assert [set(one) for one in details["logprobs"]] == [{"id", "text", "logprob", "special"}] * 6
    # Twenty tokens where nothing else is said.
    default = httpx.post(
        url, json={"text_input": "the fox", "parameters": {"details": True, "ignore_eos": True}}
    ).json()
    assert len(default["details"]["logprobs"]) == 20
    stop = (
        client.completions.create(
            model="tiny", prompt="the fox", max_tokens=20, temperature=0, extra_body={"ignore_eos": True}
        )
        .choices[0]
        .text[3:5]
    )
    stopping = {"details": True, "stop": [stop], "temperature": 0, "ignore_eos": True}
    ended = httpx.post(url, json={"text_input": "the fox", "parameters": stopping}).json()
    assert ended["details"]["finish_reason"] == "stop_sequence"
    assert stop not in ended["text_output"]


def test_the_end_of_a_text_is_told_from_a_stop_sequence(server):
    end = make_tokenizer().convert_tokens_to_ids("<|end|>")
    # With this bias the model can say nothing else.
    asked = {"text_input": "the fox", "parameters": {"logit_bias": {str(end): 100}, "temperature": 0, "details": True}}
    reply = httpx.post(f"{server[0]}/v2/models/tiny/generate", json=asked).json()
    assert reply["details"]["finish_reason"] == "eos_token"
    assert (reply["text_output"], reply["details"]["logprobs"][0]["special"]) == ("", True)


def test_generate_stream_sends_events_of_text(server):
    url = f"{server[0]}/v2/models/tiny"
    asked = {"text_input": "the fox", "parameters": {"max_tokens": 6, "temperature": 0, "details": True}}
    whole = httpx.post(f"{url}/generate", json=asked).json()
    streamed = httpx.post(f"{url}/generate_stream", json=asked)
    assert streamed.headers["content-type"].startswith("text/event-stream")
    events = [json.loads(event.removeprefix("data: ")) for event in streamed.text.split("\n\n") if event]
    assert "".join(event["text_output"] for event in events) == whole["text_output"]
    assert events[-1]["details"]["finish_reason"] == whole["details"]["finish_reason"]
    assert events[-1]["details"]["token"] == whole["details"]["logprobs"][-1]


@pytest.mark.parametrize(
    ("body", "status"),
    [
        ({}, 422),
        ({"text_input": 5}, 422),
        ({"text_input": "fox " * 400}, 422),
        ({"text_input": "x", "parameters": {"temperature": -1}}, 422),
        ({"text_input": "x", "parameters": {"echo": True}}, 422),
        ({"text_input": "x", "parameters": {"n": 2}}, 422),
    ],
)
def test_a_wrong_generate_request_is_422_in_the_protocols_form(server, body, status):
    for path in ("generate", "generate_stream"):
        reply = httpx.post(f"{server[0]}/v2/models/tiny/{path}", json=body)
        assert reply.status_code == status
        assert isinstance(reply.json()["error"], str)
    assert httpx.post(f"{server[0]}/v2/models/none/generate", json={"text_input": "x"}).status_code == 404


def test_an_overloaded_model_is_429_and_a_late_answer_an_event(model_dir):
    with running(model_dir, rows=1, waiting=0, request_timeout_s=1.0) as server:
        server.hold()
        url = f"{server.url}/v2/models/tiny"
        asked = {"text_input": "the fox", "parameters": {"ignore_eos": True}}
        with httpx.stream("POST", f"{url}/generate_stream", json=asked, timeout=60) as first:
            server.until(lambda service: len(service.engine._batch) == 1)
            busy = httpx.post(f"{url}/generate", json=asked)
            assert (busy.status_code, int(busy.headers["retry-after"]) >= 1) == (429, True)
            assert isinstance(busy.json()["error"], str)
            assert "not ready within" in first.read().decode()
        server.let_go()
