"""One OpenTelemetry span per request, named by the generative AI conventions; off unless an endpoint is set."""

import os
from collections.abc import Mapping

from opentelemetry import trace
from opentelemetry.sdk.resources import Resource
from opentelemetry.sdk.trace import SpanProcessor, TracerProvider
from opentelemetry.trace.propagation.tracecontext import TraceContextTextMapPropagator

VARIABLES = ("OTEL_EXPORTER_OTLP_ENDPOINT", "OTEL_EXPORTER_OTLP_TRACES_ENDPOINT")


def tracer(processor: SpanProcessor | None = None) -> trace.Tracer:
    """The OTLP variables of the environment decide; a tracer that does nothing where they are not set."""
    if processor is None:
        if not any(os.environ.get(name) for name in VARIABLES):
            return trace.NoOpTracer()
        from opentelemetry.exporter.otlp.proto.http.trace_exporter import OTLPSpanExporter
        from opentelemetry.sdk.trace.export import BatchSpanProcessor

        processor = BatchSpanProcessor(OTLPSpanExporter())
    provider = TracerProvider(resource=Resource.create({"service.name": "cnai-inference"}))
    provider.add_span_processor(processor)
    return provider.get_tracer("cnai_inference")


def start_span(tracer: trace.Tracer, operation: str, model: str, headers: Mapping[str, str]) -> trace.Span:
    """Goes on with the caller's trace where the request names one."""
    return tracer.start_span(
        f"{operation} {model}",
        context=TraceContextTextMapPropagator().extract(dict(headers)),
        kind=trace.SpanKind.SERVER,
        attributes={"gen_ai.operation.name": operation, "gen_ai.request.model": model},
    )
