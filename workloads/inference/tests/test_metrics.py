"""The metrics page, as a dashboard made for vLLM reads it."""

import httpx
import pytest
from prometheus_client.parser import text_string_to_metric_families
from servers import running

ENGINE = {"model_name", "engine"}
VLLM = {
    # vLLM 0.32, vllm/v1/metrics/loggers.py: the type and the labels of what this engine has too.
    "num_requests_running": ("gauge", ENGINE),
    "num_requests_waiting": ("gauge", ENGINE),
    "kv_cache_usage_perc": ("gauge", ENGINE),
    "engine_sleep_state": ("gauge", ENGINE | {"sleep_state"}),
    "prefix_cache_queries": ("counter", ENGINE),
    "prefix_cache_hits": ("counter", ENGINE),
    "num_preemptions": ("counter", ENGINE),
    "prompt_tokens": ("counter", ENGINE),
    "prompt_tokens_cached": ("counter", ENGINE),
    "generation_tokens": ("counter", ENGINE),
    "request_success": ("counter", ENGINE | {"finished_reason"}),
    "iteration_tokens_total": ("histogram", ENGINE),
    "request_prompt_tokens": ("histogram", ENGINE),
    "request_generation_tokens": ("histogram", ENGINE),
    "request_max_num_generation_tokens": ("histogram", ENGINE),
    "request_params_max_tokens": ("histogram", ENGINE),
    "request_prefill_kv_computed_tokens": ("histogram", ENGINE),
    "time_to_first_token_seconds": ("histogram", ENGINE),
    "inter_token_latency_seconds": ("histogram", ENGINE),
    "request_time_per_output_token_seconds": ("histogram", ENGINE),
    "e2e_request_latency_seconds": ("histogram", ENGINE),
    "request_queue_time_seconds": ("histogram", ENGINE),
    "request_inference_time_seconds": ("histogram", ENGINE),
    "request_prefill_time_seconds": ("histogram", ENGINE),
    "request_decode_time_seconds": ("histogram", ENGINE),
}
OLDER = {"time_per_output_token_seconds": ("histogram", ENGINE)}
"""Dashboards made before vLLM renamed it."""


@pytest.fixture(scope="module")
def page(model_dir):
    with running(model_dir) as server:
        url = f"{server.url}/v1/completions"
        asked = {"model": "tiny", "prompt": "the fox", "max_tokens": 4, "ignore_eos": True, "seed": 1}
        for more in ({}, {"prompt": "the lazy dog " * 8}, {"prompt": "the lazy dog " * 8}):
            assert httpx.post(url, json=asked | more).status_code == 200
        assert httpx.post(url, json=asked | {"max_tokens": 0}).status_code == 400
        yield list(text_string_to_metric_families(server.metrics))


def samples(page, name):
    return [sample for family in page for sample in family.samples if sample.name == name]


def value(page, name, **labels):
    (found,) = [one for one in samples(page, name) if labels.items() <= one.labels.items()]
    return found.value


def test_each_metric_has_vllms_name_type_and_labels(page):
    # `_created` is the client library's, and vLLM's page has it too.
    ours = [one for one in page if one.name.startswith("vllm:") and not one.name.endswith("_created")]
    families = {family.name.removeprefix("vllm:"): family for family in ours}
    found = {name: (one.type, set().union(*(s.labels for s in one.samples)) - {"le"}) for name, one in families.items()}
    assert found == VLLM | OLDER


def test_what_dashboards_divide_by_is_there_and_right(page):
    assert value(page, "vllm:request_success_total", finished_reason="length") == 3
    for reason in ("stop", "abort", "error", "repetition"):
        assert value(page, "vllm:request_success_total", finished_reason=reason) == 0
    assert value(page, "vllm:generation_tokens_total") == 12
    assert value(page, "vllm:time_to_first_token_seconds_count") == 3
    assert value(page, "vllm:inter_token_latency_seconds_count") == 9
    assert value(page, "vllm:e2e_request_latency_seconds_bucket", le="+Inf") == 3
    queried, hit = value(page, "vllm:prefix_cache_queries_total"), value(page, "vllm:prefix_cache_hits_total")
    assert 0 < hit == value(page, "vllm:prompt_tokens_cached_total") < queried
    assert value(page, "vllm:prompt_tokens_total") == queried
    assert value(page, "vllm:request_prefill_kv_computed_tokens_sum") == queried - hit
    assert value(page, "vllm:engine_sleep_state", sleep_state="awake") == 1
    assert value(page, "http_requests_total", handler="/v1/completions", method="POST", status="2xx") == 3
    assert value(page, "http_requests_total", handler="/v1/completions", method="POST", status="4xx") == 1
