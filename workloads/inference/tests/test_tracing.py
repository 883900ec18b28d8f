"""Spans of requests: there when asked for, and without content unless that is asked for too."""

import httpx
import pytest
from cnai_inference import tracing
from opentelemetry.sdk.trace.export import SimpleSpanProcessor
from opentelemetry.sdk.trace.export.in_memory_span_exporter import InMemorySpanExporter
from opentelemetry.trace import NoOpTracer
from servers import running

SECRET = "mellonfriend"


def test_without_an_endpoint_there_is_no_trace(monkeypatch):
    for name in tracing.VARIABLES:
        monkeypatch.delenv(name, raising=False)
    assert isinstance(tracing.tracer(), NoOpTracer)


@pytest.mark.parametrize("log_content", [False, True])
def test_a_span_tells_about_its_request_and_its_content_only_where_switched_on(model_dir, log_content, caplog):
    exporter = InMemorySpanExporter()
    caplog.set_level("INFO")
    with running(model_dir, log_content=log_content) as server:
        server.service.tracer = tracing.tracer(SimpleSpanProcessor(exporter))
        asked = {"model": "tiny", "prompt": SECRET, "max_tokens": 4, "ignore_eos": True}
        parent = {"traceparent": f"00-{'ab' * 16}-{'cd' * 8}-01"}
        reply = httpx.post(f"{server.url}/v1/completions", json=asked, headers=parent).json()
        server.until(lambda service: exporter.get_finished_spans())
    (span,) = exporter.get_finished_spans()
    assert span.attributes["gen_ai.usage.output_tokens"] == 4
    assert span.attributes["gen_ai.response.finish_reasons"] == ("length",)
    assert f"{span.context.trace_id:032x}" == "ab" * 16
    seen = span.to_json() + caplog.text
    assert (SECRET in seen) == log_content
    assert (repr(reply["choices"][0]["text"])[1:-1] in repr(dict(span.attributes))) == log_content
