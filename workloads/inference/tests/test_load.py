"""More requests than the server can take, and clients that leave, wait or do not read."""

import asyncio
import socket
from concurrent.futures import ThreadPoolExecutor

import httpx
import pytest
from cnai_inference.engine.request import Chunk, Token
from cnai_inference.engine.stream import Stream
from cnai_inference.errors import EngineFailed
from cnai_inference.http.connection import EventStream
from servers import running

LONG = {"model": "tiny", "prompt": "the fox", "max_tokens": 200, "ignore_eos": True}


def post(server, asked=LONG):
    return httpx.post(f"{server.url}/v1/completions", json=asked, timeout=120)


def waiting(service):
    return len(service.engine._waiting)


def rows(service):
    return len(service.engine._batch)


def test_a_full_queue_answers_429_with_retry_after_and_loses_nothing(model_dir):
    with running(model_dir, rows=1, waiting=1) as server, ThreadPoolExecutor(2) as pool:
        server.hold()
        first = pool.submit(post, server)
        server.until(lambda service: rows(service) == 1)
        second = pool.submit(post, server)
        server.until(lambda service: waiting(service) == 1)
        refused = post(server)
        assert refused.status_code == 429
        assert int(refused.headers["retry-after"]) >= 1
        assert (refused.json()["error"]["type"], refused.json()["error"]["code"]) == (
            "rate_limit_error",
            "rate_limit_exceeded",
        )
        # A request of several choices is refused whole: none of them stays behind.
        assert post(server, LONG | {"n": 2}).status_code == 429
        server.until(lambda service: waiting(service) == 1)
        server.let_go()
        assert [reply.result().status_code for reply in (first, second)] == [200, 200]
        assert post(server).status_code == 200


@pytest.mark.parametrize("stream", [True, False])
def test_a_client_that_leaves_ends_its_generation(model_dir, stream):
    with running(model_dir) as server:
        server.hold()
        server.permits.release(3)
        with (
            httpx.Client() as client,
            pytest.raises(httpx.ReadTimeout),
            client.stream("POST", f"{server.url}/v1/completions", json=LONG | {"stream": stream}, timeout=2) as reply,
        ):
            for _ in reply.iter_raw():
                pass
        # The step that is under way ends; after it, the row is gone.
        server.permits.release(2)
        server.until(lambda service: rows(service) == 0 and not service.active)
        assert 'finished_reason="abort",model_name="tiny"} 1.0' in server.metrics
        assert 'vllm:num_requests_running{engine="0",model_name="tiny"} 0.0' in server.metrics


def test_a_request_that_takes_too_long_is_ended_with_504_or_an_error_event(model_dir):
    with running(model_dir, request_timeout_s=1.0) as server:
        server.hold()
        late = post(server)
        assert (late.status_code, late.json()["error"]["code"]) == (504, "timeout")
        streamed = post(server, LONG | {"stream": True})
        assert '"code":"timeout"' in streamed.text
        assert "[DONE]" not in streamed.text
        server.let_go()
        server.until(lambda service: rows(service) == 0 and waiting(service) == 0)


def test_hundreds_of_silent_and_half_finished_connections_do_not_hold_up_a_request(model_dir):
    with running(model_dir, stall_s=3.0) as server:
        port = int(server.url.rpartition(":")[2])
        silent = [socket.create_connection(("127.0.0.1", port)) for _ in range(400)]
        for one in silent[:100]:
            one.sendall(b"POST /v1/completions HTTP/1.1\r\nhost: x\r\n")
        for one in silent[100:200]:
            one.sendall(b"POST /v1/completions HTTP/1.1\r\nhost: x\r\ncontent-length: 50\r\n\r\n{")
        assert post(server).status_code == 200
        # Each is let go in time: with 408 where a body was missing, without a word else.
        for one in silent:
            one.settimeout(60)
            answer = one.recv(4096)
            assert answer == b"" or b" 408 " in answer.split(b"\r\n")[0]
            one.close()


def test_a_failing_step_fails_its_requests_and_not_the_server(model_dir):
    with running(model_dir) as server:
        batch = server.service.engine._batch
        step, batch.step = batch.step, lambda: 1 / 0
        failed = post(server)
        assert (failed.status_code, failed.json()["error"]["code"]) == (500, "engine_failed")
        batch.step = step
        assert post(server).status_code == 200
        batch.step = lambda: 1 / 0
        for _ in range(3):
            assert post(server).status_code == 500
        # It does not get better by itself: the platform is told to replace it.
        server.until(lambda service: httpx.get(f"{server.url}/healthz").status_code == 503)
        assert post(server).status_code == 500


def test_chats_leave_nothing_behind(model_dir):
    with running(model_dir, prefix_tokens=512) as server, httpx.Client() as client:
        for index in range(100):
            asked = {"model": "tiny", "prompt": f"fox {index} " * 8, "max_tokens": 2}
            assert client.post(f"{server.url}/v1/completions", json=asked).status_code == 200
        engine = server.service.engine
        assert (len(engine._streams), rows(server.service), len(server.service.active)) == (0, 0, 0)
        assert engine._batch.prefix.tokens <= 512


def test_a_reader_that_falls_behind_gets_chunks_merged_and_beyond_the_limit_loses_its_stream():
    async def scenario():
        cancelled = []
        stream = Stream(lambda: cancelled.append(True), limit=3)
        for text in "abc":
            stream.deliver(Chunk(text, (Token(1),)))
        assert (await anext(stream)).text == "abc"
        for text in "defg":
            stream.deliver(Chunk(text, (Token(1),)))
        with pytest.raises(EngineFailed, match="not read"):
            await anext(stream)
        assert cancelled == [True]

    asyncio.run(scenario())


def test_a_client_that_left_before_the_first_event_still_ends_its_generation():
    async def scenario():
        closed = []

        async def events():
            yield b"data: x\n\n"

        async def send(message):
            await asyncio.sleep(0)

        async def receive():
            return {"type": "http.disconnect"}

        async def close():
            closed.append("generation")

        response = EventStream(events(), close, timeout_s=60)
        response._write = lambda send: asyncio.sleep(60)
        await response({}, receive, send)
        assert closed == ["generation"]

    asyncio.run(scenario())


def test_requests_that_wait_when_the_engine_ends_are_told(model_dir):
    with running(model_dir, rows=1) as server, ThreadPoolExecutor(3) as pool:
        server.hold()
        replies = [pool.submit(post, server) for _ in range(3)]
        server.until(lambda service: rows(service) == 1 and waiting(service) == 2)
        with server.service.engine._changed:
            server.service.engine._stopping = True
        server.let_go()
        assert {reply.result().json()["error"]["code"] for reply in replies} == {"engine_failed"}
