"""Spans of requests: there when asked for, and without content unless that is asked for too."""

import gzip
import threading
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

import httpx
import pytest
from cnai_inference import tracing
from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceRequest
from opentelemetry.sdk.trace.export import SimpleSpanProcessor
from opentelemetry.sdk.trace.export.in_memory_span_exporter import InMemorySpanExporter
from opentelemetry.trace import NoOpTracer
from servers import process, running, until

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


@pytest.fixture
def collector():
    """Takes what an OTLP collector takes over HTTP; its address, and the spans that arrived, with their resources."""
    arrived = []

    class Collector(BaseHTTPRequestHandler):
        def do_POST(self):
            body = self.rfile.read(int(self.headers["content-length"]))
            if self.headers.get("content-encoding") == "gzip":
                body = gzip.decompress(body)
            if self.path == "/v1/traces" and self.headers["content-type"] == "application/x-protobuf":
                for resource in ExportTraceServiceRequest.FromString(body).resource_spans:
                    spans = [span for scope in resource.scope_spans for span in scope.spans]
                    arrived.extend((attributes(resource.resource), span) for span in spans)
            self.send_response(200)
            self.send_header("content-type", "application/x-protobuf")
            self.send_header("content-length", "0")
            self.end_headers()

        def log_message(self, *_):
            pass

    server = ThreadingHTTPServer(("127.0.0.1", 0), Collector)
    thread = threading.Thread(target=server.serve_forever)
    thread.start()
    yield f"http://127.0.0.1:{server.server_port}", arrived
    server.shutdown()
    thread.join()
    server.server_close()


def attributes(holder):
    return {one.key: getattr(one.value, one.value.WhichOneof("value")) for one in holder.attributes}


def test_a_server_process_sends_its_spans_to_an_otlp_collector_and_the_last_ones_as_it_ends(
    model_dir, tmp_path, collector
):
    address, arrived = collector
    environment = {"OTEL_EXPORTER_OTLP_ENDPOINT": address, "OTEL_BSP_SCHEDULE_DELAY": "60000"}
    flags = ("--drain-delay-s", "0")
    with process(model_dir, tmp_path / "log", *flags, environment=environment) as (url, child):
        asked = {"model": "tiny", "prompt": SECRET, "max_tokens": 4, "ignore_eos": True}
        parent = {"traceparent": f"00-{'ab' * 16}-{'cd' * 8}-01"}
        assert httpx.post(f"{url}/v1/completions", json=asked, headers=parent).status_code == 200
        assert httpx.post(f"{url}/v1/completions", json=asked | {"max_tokens": 999}).status_code == 400
        child.terminate()
        assert child.wait(60) == 0
    until(lambda: len(arrived) == 2)
    (resource, good), (_, bad) = arrived
    assert resource["service.name"] == "cnai-inference"
    assert (good.trace_id.hex(), good.parent_span_id.hex()) == ("ab" * 16, "cd" * 8)
    assert attributes(good)["gen_ai.usage.output_tokens"] == 4
    assert good.end_time_unix_nano > good.start_time_unix_nano
    assert attributes(bad)["error.type"] == "context_length_exceeded"
    assert SECRET not in str(arrived)
