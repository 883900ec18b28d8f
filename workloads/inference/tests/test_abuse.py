"""Clients that send too much, too slowly, or nonsense: each gets its answer or its end, and the others theirs."""

import asyncio
import resource
import socket
import threading
import time
from pathlib import Path

import httpx
import pytest
import uvicorn
from cnai_inference.http.protocol import HEAD_LIMIT, THROWN_AWAY, impatient
from servers import process, running, until

ASKED = {"model": "tiny", "prompt": "the fox", "max_tokens": 4, "ignore_eos": True}
SECRET = "mellonfriend"
HEAD = b"POST /v1/completions HTTP/1.1\r\nhost: x\r\n"


@pytest.fixture(scope="module")
def hurried(model_dir):
    with running(model_dir, stall_s=1.0) as server:
        yield server


def connected(url: str) -> socket.socket:
    one = socket.create_connection(("127.0.0.1", int(url.rpartition(":")[2])))
    one.settimeout(60)
    return one


def rest(one: socket.socket) -> bytes:
    """Everything until the server closes."""
    parts = []
    try:
        while part := one.recv(65536):
            parts.append(part)
    except ConnectionResetError:
        pass
    return b"".join(parts)


def flood(one: socket.socket, piece: bytes, most: int) -> int:
    """Sends until the server has had enough; how many bytes that took."""
    sent = 0
    try:
        while sent < most:
            one.sendall(piece)
            sent += len(piece)
    except (BrokenPipeError, ConnectionResetError):
        pass
    return sent


def test_headers_without_end_are_refused(hurried):
    for piece in (b"x-one: more\r\n" * 1000, b"a" * 16384):
        with connected(hurried.url) as one:
            one.sendall(HEAD + b"x-long: ")
            assert flood(one, piece, 64 * HEAD_LIMIT) < 64 * HEAD_LIMIT
    with connected(hurried.url) as one:
        one.sendall(HEAD + b"x-long: " + b"a" * (HEAD_LIMIT + 1))
        answer = rest(one)
        assert answer.startswith(b"HTTP/1.1 431 ")
        assert b'"code":"headers_too_large"' in answer
    assert httpx.post(f"{hurried.url}/v1/completions", json=ASKED).status_code == 200


def test_a_body_without_end_gets_413_and_is_cut_off(hurried):
    with connected(hurried.url) as one:
        one.sendall(HEAD + b"content-length: 100000000000\r\n\r\n")
        assert flood(one, b"x" * 65536, 64 * THROWN_AWAY) < 4 * THROWN_AWAY
    with connected(hurried.url) as one:
        one.sendall(HEAD + b"content-length: 100000000000\r\n\r\n" + b"x" * 2 * 2**20)
        assert rest(one).startswith(b"HTTP/1.1 413 ")


@pytest.mark.parametrize("drop", [b"", b"x", b"\r\n"])
def test_a_connection_that_dribbles_on_after_its_answer_is_closed(hurried, drop):
    with connected(hurried.url) as one:
        one.sendall(HEAD + b"content-length: 50\r\n\r\n{")
        answered = one.recv(65536)
        assert answered.startswith(b"HTTP/1.1 408 ")
        ended = []
        reader = threading.Thread(target=lambda: ended.append(rest(one)))
        reader.start()
        flood(one, drop, len(drop))
        reader.join(20 if drop else 90)
        assert ended


def test_a_client_that_stops_reading_is_dropped_and_one_that_reads_slowly_is_not():
    seen = []

    async def app(scope, receive, send):
        await send({"type": "http.response.start", "status": 200, "headers": []})
        for _ in range(200):
            await send({"type": "http.response.body", "body": b"x" * 100_000, "more_body": True})
        await send({"type": "http.response.body", "body": b"end"})
        seen.append((await receive())["type"])

    config = uvicorn.Config(app, lifespan="off", http=impatient(0.5), ws="none", log_config=None)
    server = uvicorn.Server(config)
    listener = socket.create_server(("127.0.0.1", 0))
    listener.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 65536)
    thread = threading.Thread(target=lambda: asyncio.run(server.serve([listener])))
    thread.start()
    until(lambda: server.started)
    url = f"http://127.0.0.1:{listener.getsockname()[1]}"
    try:
        with connected(url) as silent:
            silent.sendall(b"GET / HTTP/1.1\r\nhost: x\r\n\r\n")
            # Nothing is read, and yet the server is soon rid of it.
            until(lambda: seen == ["http.disconnect"], 20)
        with connected(url) as slow:
            slow.sendall(b"GET / HTTP/1.1\r\nhost: x\r\nconnection: close\r\n\r\n")
            read = bytearray()
            while part := slow.recv(2**20):
                read += part
                time.sleep(0.05)
            assert b"end" in read[-20:]
    finally:
        server.should_exit = True
        thread.join()


@pytest.mark.parametrize("path", ["/v1/chat/completions", "/v1/completions", "/v2/models/tiny/infer"])
@pytest.mark.parametrize(
    "body",
    [
        b"[" * 200_000,
        b'{"model":' * 50_000,
        b'{"model":"tiny","prompt":"\\ud800","messages":[{"role":"user","content":"\\ud800"}]}',
        b'{"model":"tiny","prompt":"\xff","messages":[{"role":"user","content":"\xff"}]}',
        b'{"model":"tiny","prompt":"x","messages":[{"role":"user","content":"x"}],"max_tokens":' + b"9" * 5000 + b"}",
    ],
)
def test_bodies_made_to_break_a_parser_are_400(hurried, path, body):
    reply = httpx.post(hurried.url + path, content=body)
    assert reply.status_code == 400, reply.text
    assert reply.json()["error"]


@pytest.mark.parametrize(
    ("name", "value"),
    [
        *(
            (name, value)
            for name in ("temperature", "top_p")
            for value in ("NaN", "-0.5", "Infinity", "1e400", '"nan"')
        ),
        *((name, value) for name in ("presence_penalty", "frequency_penalty") for value in ("NaN", "-Infinity", "3")),
        ("max_tokens", "-1"),
        ("max_tokens", "1e99"),
        ("top_k", "-2"),
        ("top_k", "9" * 30),
        ("n", "0"),
        ("n", "1000000"),
        ("seed", "9" * 30),
        ("logprobs", "-1"),
        ("logprobs", "21"),
        ("logit_bias", '{"5": NaN}'),
        ("logit_bias", '{"-1": 1}'),
        ("logit_bias", '{"99999999999999999999": 1}'),
        ("stop", '[""]'),
        ("stream_options", '{"include_usage": true}'),
        ("prompt", "[[]]"),
        ("prompt", "[-1]"),
        ("prompt", '[5, "x"]'),
        ("prompt", "[99999999999999999999]"),
    ],
)
def test_numbers_out_of_range_are_400_and_name_the_parameter(hurried, name, value):
    prompt = "" if name == "prompt" else '"prompt": "the fox", '
    reply = httpx.post(f"{hurried.url}/v1/completions", content=f'{{"model": "tiny", {prompt}"{name}": {value}}}')
    assert reply.status_code == 400, reply.text
    assert reply.json()["error"]["param"].startswith(name)
    # None of them got as far as the batch, where it would have taken others along.
    assert hurried.service.engine._failures == 0


def test_the_largest_values_that_are_allowed_run(hurried):
    asked = {"top_k": 2**31 - 1, "seed": 2**62, "temperature": 2, "top_p": 5e-324, "logit_bias": {"5": 100, "6": -100}}
    for more in (asked, {"temperature": 1e-300}, {"seed": -(2**62), "presence_penalty": -2, "frequency_penalty": 2}):
        reply = httpx.post(f"{hurried.url}/v1/completions", json=ASKED | more)
        assert reply.status_code == 200, reply.text


def test_more_choices_than_could_ever_run_are_refused_and_not_told_to_come_back(model_dir):
    with running(model_dir, rows=2, waiting=2) as server:
        for more, param in (({"prompt": ["the fox"] * 5}, "prompt"), ({"n": 5}, "n")):
            reply = httpx.post(f"{server.url}/v1/completions", json=ASKED | more)
            assert (reply.status_code, reply.json()["error"]["param"]) == (400, param)
        assert httpx.post(f"{server.url}/v1/completions", json=ASKED | {"n": 4}).status_code == 200


def test_what_nothing_foresaw_is_500_and_its_message_is_not_logged(model_dir, monkeypatch, caplog):
    with running(model_dir) as server:
        service = server.service

        def breaking(*_, **__):
            raise ZeroDivisionError(SECRET)

        monkeypatch.setattr(service.prompts, "encode", breaking)
        reply = httpx.post(f"{server.url}/v1/completions", json=ASKED)
        assert (reply.status_code, reply.json()["error"]["type"]) == (500, "server_error")
    assert SECRET not in caplog.text + reply.text
    assert "ZeroDivisionError" in caplog.text
    assert "test_abuse.py" in caplog.text


def resident_mib(pid: int) -> float:
    status = Path(f"/proc/{pid}/status").read_text()
    return int(status.partition("VmRSS:")[2].split()[0]) / 1024


def test_ten_thousand_slow_clients_do_not_hold_up_a_request_and_are_let_go(model_dir, tmp_path):
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    clients = 10_000
    if hard < clients + 500:
        pytest.skip(f"this machine lets a process open {hard} files only")
    resource.setrlimit(resource.RLIMIT_NOFILE, (hard, hard))
    slow = []
    try:
        with process(model_dir, tmp_path / "log", "--stall-s", "20") as (url, child):
            before = resident_mib(child.pid)
            for index in range(clients):
                slow.append(connected(url))
                slow[-1].sendall(HEAD if index % 2 else HEAD + b"content-length: 50\r\n\r\n{")
            for _ in range(5):
                assert httpx.post(f"{url}/v1/completions", json=ASKED, timeout=30).status_code == 200
            # All are still there, and cost little.
            assert resident_mib(child.pid) - before < 400
            for one in slow:
                answer = one.recv(4096)
                assert answer == b"" or answer.startswith(b"HTTP/1.1 408 ")
            assert httpx.get(f"{url}/readyz").status_code == 200
    finally:
        for one in slow:
            one.close()
        resource.setrlimit(resource.RLIMIT_NOFILE, (soft, hard))
