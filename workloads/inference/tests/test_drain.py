"""SIGTERM to a server process."""

import asyncio
import json
import signal
import threading

import httpx
import uvicorn
from cnai_inference.config import ServeOptions
from cnai_inference.http.server import DrainingServer
from making import make_model
from servers import answers, process, running, until


def stream(url, lines, tokens):
    asked = {"model": "tiny", "prompt": "the fox", "max_tokens": tokens, "ignore_eos": True, "stream": True}
    with httpx.stream("POST", f"{url}/v1/completions", json=asked, timeout=240) as reply:
        lines.extend(reply.iter_lines())


def test_a_running_stream_ends_whole_after_readiness_is_gone_and_the_exit_is_clean(tmp_path):
    model = make_model(tmp_path / "model", context=1024)
    with process(model, tmp_path / "log", "--drain-delay-s", "1", "--grace-s", "200") as (url, child):
        lines: list[str] = []
        reader = threading.Thread(target=stream, args=(url, lines, 700))
        reader.start()
        until(
            lambda: "num_requests_running" in (page := httpx.get(f"{url}/metrics").text) and 'name="tiny"} 1.0' in page
        )
        child.send_signal(signal.SIGTERM)
        until(lambda: not answers(f"{url}/readyz"))
        reader.join()
        assert lines[-2] == "data: [DONE]"
        assert json.loads(lines[-4].removeprefix("data: "))["choices"][0]["finish_reason"] == "length"
        assert child.wait(60) == 0


def test_the_grace_period_ends_a_stream_that_does_not(tmp_path, model_dir):
    with running(model_dir) as server:
        server.hold()
        lines: list[str] = []
        reader = threading.Thread(target=stream, args=(server.url, lines, 100))
        reader.start()
        server.until(lambda service: len(service.active) == 1)
        options = ServeOptions(model=str(model_dir), drain_delay_s=0, grace_s=0.1)
        draining = DrainingServer(uvicorn.Config(app=None), server.service, options)
        loop = server.service.engine._loop
        asyncio.run_coroutine_threadsafe(draining._drain(), loop).result(60)
        assert draining.should_exit
        refused = httpx.post(f"{server.url}/v1/completions", json={"model": "tiny", "prompt": "x"})
        assert (refused.status_code, refused.json()["error"]["code"]) == (503, "draining")
        server.let_go()
        reader.join()
        assert '"code":"draining"' in "".join(lines)
        assert "[DONE]" not in "".join(lines)
