"""A tiny random model with a tokenizer of its own, made once per run."""

import os

# Small tensors on shared cores: more threads only wait for each other.
os.environ.setdefault("OMP_NUM_THREADS", "1")

from pathlib import Path

import pytest
import torch
from making import make_adapter, make_model
from transformers import LlamaForCausalLM


def pytest_collection_modifyitems(items):
    for item in items:
        item.add_marker(pytest.mark.workloads)


@pytest.fixture(scope="session")
def model_dir(tmp_path_factory) -> Path:
    return make_model(tmp_path_factory.mktemp("model"))


@pytest.fixture(scope="session")
def adapter_dir(tmp_path_factory, model_dir) -> Path:
    return make_adapter(model_dir, tmp_path_factory.mktemp("adapter"))


@pytest.fixture(scope="session")
def reference(model_dir):
    """Greedy tokens of `transformers.generate`, one prompt at a time."""
    model = LlamaForCausalLM.from_pretrained(model_dir).eval()

    def generate(prompt, tokens):
        ids = torch.tensor([list(prompt)])
        output = model.generate(ids, attention_mask=torch.ones_like(ids), max_new_tokens=tokens, do_sample=False)
        return output[0, len(prompt) :].tolist()

    return generate


@pytest.fixture(scope="session")
def server(model_dir, adapter_dir, tmp_path_factory):
    """A real server process: its address and its log."""
    from servers import process

    log = tmp_path_factory.mktemp("server") / "log"
    with process(model_dir, log, "--adapters", f"tiny-lora={adapter_dir}") as (url, _):
        yield url, log


@pytest.fixture(scope="session")
def client(server):
    from openai import OpenAI

    return OpenAI(base_url=f"{server[0]}/v1", api_key="none", max_retries=0)
