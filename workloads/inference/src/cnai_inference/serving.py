"""Puts the server together: model, engine, service, application."""

import os
from pathlib import Path

from fastapi import FastAPI
from prometheus_client import CollectorRegistry, GCCollector, PlatformCollector, ProcessCollector

from cnai_inference import loading
from cnai_inference.config import ServeOptions
from cnai_inference.engine import Engine
from cnai_inference.engine.batching import BatchingEngine, BatchingOptions
from cnai_inference.engine.packed import onednn_is_faster, pack
from cnai_inference.engine.step import Batch
from cnai_inference.errors import InferenceError
from cnai_inference.guardrails import from_file
from cnai_inference.http.app import create
from cnai_inference.http.prompts import Prompts
from cnai_inference.http.service import Service
from cnai_inference.metrics import EngineMetrics
from cnai_inference.store import fetch
from cnai_inference.tracing import tracer


def build(options: ServeOptions) -> tuple[FastAPI, Service]:
    def local(source: str) -> Path:
        return fetch(source, options.cache_dir, require_manifest=options.require_checksums)

    directory = local(options.model)
    adapters = {name: local(source) for name, source in options.adapter_sources.items()}
    if options.served_name in adapters:
        raise InferenceError(f"the adapter {options.served_name} has the model's own name: choose another")
    registry = CollectorRegistry()
    for collector in (ProcessCollector, PlatformCollector, GCCollector):
        collector(registry=registry)
    prompts = Prompts(loading.load_tokenizer(directory))
    engine = new_engine(options, directory, adapters, prompts, registry)
    names = (options.served_name, *adapters)
    service = Service(
        engine,
        prompts,
        names,
        from_file(options.guardrails),
        tracer(),
        log_content=options.log_content,
        most=options.rows + options.waiting,
    )
    return create(service, options, registry), service


def new_engine(
    options: ServeOptions,
    directory: Path,
    adapters: dict[str, Path],
    prompts: Prompts,
    registry: CollectorRegistry,
) -> Engine:
    if options.engine == "vllm" or (options.engine == "auto" and vllm_fits()):
        from cnai_inference.engine.vllm import VllmEngine

        return VllmEngine(directory, adapters, options, registry)
    model = loading.load_model(directory, adapters, int8=options.int8)
    if onednn_is_faster():
        pack(model.module, options.rows)
    loading.refuse_other_vocabulary(model, len(prompts.backend.get_vocab()))
    context = options.max_model_len or model.context
    if context > model.context:
        raise InferenceError(f"max_model_len is {context}, and the model was made for {model.context}: give less")
    refuse_too_large(model.cache_bytes(rows=options.rows, tokens=context + options.prefill_tokens))
    batch = Batch(
        model,
        prompts.backend,
        rows=options.rows,
        max_len=context,
        prefill=options.prefill_tokens,
        prefix=options.prefix_tokens,
    )
    engine_options = BatchingOptions(
        rows=options.rows,
        waiting=options.waiting,
        max_model_len=context,
        prefill_tokens=options.prefill_tokens,
        prefix_tokens=options.prefix_tokens,
        threads=options.threads,
    )
    return BatchingEngine(batch, engine_options, EngineMetrics(options.served_name, registry))


def refuse_too_large(cache_bytes: int) -> None:
    """The cache grows with the longest conversation: better to learn of its size now than under load."""
    memory = os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES")
    if cache_bytes > memory // 2:
        raise InferenceError(
            f"the cache may grow to {cache_bytes / 2**30:.1f} GiB, more than half of this machine's "
            f"{memory / 2**30:.1f} GiB: give a smaller --max-model-len or fewer --rows"
        )


def vllm_fits() -> bool:
    import importlib.util

    import torch

    return torch.cuda.is_available() and importlib.util.find_spec("vllm") is not None
