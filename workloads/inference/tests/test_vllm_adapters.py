"""What vLLM is told of adapters, without vLLM."""

import json

import pytest
from cnai_inference.engine.vllm import largest_rank
from cnai_inference.errors import InferenceError


@pytest.fixture
def adapter(tmp_path):
    def make(rank, **more):
        path = tmp_path / f"rank-{rank}-{len(more)}"
        path.mkdir()
        (path / "adapter_config.json").write_text(json.dumps({"r": rank} | more))
        return path

    return make


def test_room_is_made_for_the_largest_adapter(adapter):
    assert largest_rank({}) == 8
    assert largest_rank({"a": adapter(4)}) == 8
    assert largest_rank({"a": adapter(8), "b": adapter(40)}) == 64
    assert largest_rank({"a": adapter(16, rank_pattern={"q_proj": 200})}) == 256


def test_an_adapter_that_vllm_cannot_hold_is_named(adapter):
    with pytest.raises(InferenceError, match="the adapter wide has rank 1024, and vLLM takes up to 512"):
        largest_rank({"wide": adapter(1024)})


def test_an_adapter_without_its_settings_is_named(tmp_path):
    with pytest.raises(InferenceError, match=r"the adapter lost at .* has no adapter_config\.json"):
        largest_rank({"lost": tmp_path})
