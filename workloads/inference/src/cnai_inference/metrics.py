"""Prometheus metrics under vLLM's names, so that its dashboards show this engine too.

Names and buckets: vLLM's `vllm/v1/metrics/loggers.py`. `time_per_output_token_seconds` is the name that
`inter_token_latency_seconds` had before; both are given, since dashboards in use know one or the other.
"""

import time
from collections.abc import Callable
from typing import Protocol

from prometheus_client import CollectorRegistry, Counter, Gauge, Histogram

from cnai_inference.engine.request import FinishReason, GenerationRequest

FIRST = (
    0.001,
    0.005,
    0.01,
    0.02,
    0.04,
    0.06,
    0.08,
    0.1,
    0.25,
    0.5,
    0.75,
    1,
    2.5,
    5,
    7.5,
    10,
    20,
    40,
    80,
    160,
    640,
    2560,
)
BETWEEN = (0.01, 0.025, 0.05, 0.075, 0.1, 0.15, 0.2, 0.3, 0.4, 0.5, 0.75, 1, 2.5, 5, 7.5, 10, 20, 40, 80)
REQUEST = (0.3, 0.5, 0.8, 1, 1.5, 2, 2.5, 5, 10, 15, 20, 30, 40, 50, 60, 120, 240, 480, 960, 1920, 7680)
COUNTS = (1, 2, 5, 10, 20, 50, 100, 200, 500, 1000, 2000, 5000, 10000, 20000, 50000, 100000)
STEP = (1, 8, 16, 32, 64, 128, 256, 512, 1024, 2048, 4096, 8192, 16384)


REASONS = ("stop", "length", "abort", "error", "repetition")


class Timed(Protocol):
    """What is measured of a request; times are of `time.perf_counter`, 0 where it did not come to that."""

    request: GenerationRequest
    arrived: float
    scheduled: float
    first: float
    last: float
    cached: int
    output: list[int]


class EngineMetrics:
    def __init__(self, model: str, registry: CollectorRegistry) -> None:
        self._model = model
        self._registry = registry
        self.mean_run_s = 1.0
        """Moving average of how long a request runs, queue left out."""
        self._running = self._metric(Gauge, "num_requests_running", "Requests in the batch.")
        self._waiting = self._metric(Gauge, "num_requests_waiting", "Requests waiting for a place in the batch.")
        self._usage = self._metric(Gauge, "kv_cache_usage_perc", "KV-cache usage; 1 means 100 percent.")
        self._queries = self._metric(Counter, "prefix_cache_queries", "Prefix cache queries, in tokens.")
        self._hits = self._metric(Counter, "prefix_cache_hits", "Prefix cache hits, in tokens.")
        self._prompt_tokens = self._metric(Counter, "prompt_tokens", "Prefill tokens processed.")
        self._generated = self._metric(Counter, "generation_tokens", "Generation tokens processed.")
        self._cached = self._metric(Counter, "prompt_tokens_cached", "Prompt tokens from the prefix cache.")
        self._success = Counter(
            "vllm:request_success",
            "Requests that ended, by reason.",
            ["model_name", "engine", "finished_reason"],
            registry=registry,
        )
        for reason in REASONS:
            self._success.labels(model, "0", reason)
        self._constant()
        self._iteration = self._metric(Histogram, "iteration_tokens_total", "Tokens per engine step.", STEP)
        self._requests()

    def _constant(self) -> None:
        """What dashboards ask for and never changes here: nothing is preempted, and the engine never sleeps."""
        self._metric(Counter, "num_preemptions", "Preemptions.")
        names = ["model_name", "engine", "sleep_state"]
        sleep = Gauge(
            "vllm:engine_sleep_state", "1 for the state that the engine is in.", names, registry=self._registry
        )
        for state in ("awake", "weights_offloaded", "discard_all"):
            sleep.labels(self._model, "0", state).set(state == "awake")

    def _requests(self) -> None:
        histogram = self._metric
        self._first = histogram(Histogram, "time_to_first_token_seconds", "Arrival to first token.", FIRST)
        self._between = histogram(Histogram, "inter_token_latency_seconds", "From token to token.", BETWEEN)
        self._between_old = histogram(Histogram, "time_per_output_token_seconds", "From token to token.", BETWEEN)
        self._per_token = histogram(
            Histogram, "request_time_per_output_token_seconds", "Mean time per output token of a request.", BETWEEN
        )
        self._whole = histogram(Histogram, "e2e_request_latency_seconds", "Arrival to last token.", REQUEST)
        self._queue = histogram(Histogram, "request_queue_time_seconds", "Time waiting.", REQUEST)
        self._prefill = histogram(Histogram, "request_prefill_time_seconds", "Time in prefill.", REQUEST)
        self._decode = histogram(Histogram, "request_decode_time_seconds", "Time in decode.", REQUEST)
        self._inference = histogram(Histogram, "request_inference_time_seconds", "Time running.", REQUEST)
        self._prompt_size = histogram(Histogram, "request_prompt_tokens", "Prompt tokens per request.", COUNTS)
        self._output_size = histogram(Histogram, "request_generation_tokens", "Output tokens per request.", COUNTS)
        self._asked = histogram(Histogram, "request_params_max_tokens", "The max_tokens parameter.", COUNTS)
        self._most = histogram(
            Histogram, "request_max_num_generation_tokens", "Output tokens of a request's longest choice.", COUNTS
        )
        self._computed = histogram(
            Histogram, "request_prefill_kv_computed_tokens", "Prompt tokens not from the prefix cache.", COUNTS
        )

    def _metric(self, kind: type, name: str, text: str, buckets: tuple[float, ...] = ()):
        extra = {"buckets": buckets} if buckets else {}
        metric = kind(f"vllm:{name}", text, ["model_name", "engine"], registry=self._registry, **extra)
        return metric.labels(self._model, "0")

    def watch(self, *, running: Callable[[], float], waiting: Callable[[], float], usage: Callable[[], float]) -> None:
        """The engine's state, asked for when the page is."""
        self._running.set_function(running)
        self._waiting.set_function(waiting)
        self._usage.set_function(usage)

    def step(self, tokens: int) -> None:
        self._iteration.observe(tokens)

    def token(self, row: Timed) -> None:
        now = time.perf_counter()
        if row.first:
            self._between.observe(now - row.last)
            self._between_old.observe(now - row.last)
        else:
            row.first = now
            self._first.observe(now - row.arrived)
            self._prompt_tokens.inc(len(row.request.prompt))
            self._queries.inc(len(row.request.prompt))
            self._hits.inc(row.cached)
            self._cached.inc(row.cached)
            self._computed.observe(len(row.request.prompt) - row.cached)
        row.last = now
        self._generated.inc()

    def finished(self, row: Timed, reason: FinishReason) -> None:
        now = time.perf_counter()
        self._success.labels(self._model, "0", reason).inc()
        self._whole.observe(now - row.arrived)
        self._prompt_size.observe(len(row.request.prompt))
        self._output_size.observe(len(row.output))
        self._asked.observe(row.request.sampling.max_tokens)
        self._most.observe(len(row.output))
        self._queue.observe((row.scheduled or now) - row.arrived)
        if row.scheduled and row.first:
            self._prefill.observe(row.first - row.scheduled)
            self._decode.observe(row.last - row.first)
            self._inference.observe(row.last - row.scheduled)
            self.mean_run_s += 0.1 * (row.last - row.scheduled - self.mean_run_s)
            if len(row.output) > 1:
                self._per_token.observe((row.last - row.first) / (len(row.output) - 1))
