"""Where models come from, and what damaged ones lead to."""

import json
import shutil
import sys
import threading

import fsspec
import pytest
from cnai_inference import cli, loading
from cnai_inference.errors import InferenceError
from cnai_inference.store import fetch, manifest, verify, write_manifest
from safetensors.torch import load_file, save_file


@pytest.fixture
def copy(model_dir, tmp_path):
    return shutil.copytree(model_dir, tmp_path / "copy")


@pytest.fixture
def bucket(model_dir):
    files = fsspec.filesystem("memory")
    files.put(str(model_dir), "/bucket/model", recursive=True)
    yield "memory://bucket/model"
    files.rm("/bucket", recursive=True)


def test_a_model_from_an_object_store_is_fetched_once_however_many_ask(bucket, tmp_path, monkeypatch):
    calls = []
    store = sys.modules["cnai_inference.store.fetch"]
    real = store.from_object_store
    monkeypatch.setattr(store, "from_object_store", lambda *given: (calls.append(given), real(*given)))
    found = []
    threads = [threading.Thread(target=lambda: found.append(fetch(bucket, tmp_path))) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(calls) == 1
    assert len(set(found)) == 1
    assert (found[0] / "model.safetensors").exists()


def test_a_download_that_breaks_leaves_nothing_that_looks_whole(bucket, tmp_path, monkeypatch):
    store = sys.modules["cnai_inference.store.fetch"]
    real = store.from_object_store

    def breaking(source, target):
        real(source, target)
        (target / "model.safetensors").unlink()
        raise InferenceError("the network is gone")

    monkeypatch.setattr(store, "from_object_store", breaking)
    with pytest.raises(InferenceError, match="network"):
        fetch(bucket, tmp_path)
    monkeypatch.undo()
    assert (fetch(bucket, tmp_path) / "model.safetensors").exists()


def test_checksums_find_a_changed_a_missing_and_an_outside_file(copy):
    assert verify(copy) is False
    with pytest.raises(InferenceError, match="no SHA256SUMS"):
        verify(copy, required=True)
    write_manifest(copy)
    assert verify(copy) is True
    (copy / ".notes").write_text("of a download")
    (copy / "more.safetensors").write_text("weights")
    assert verify(copy) is True
    with pytest.raises(InferenceError, match=r"more\.safetensors in .* is not in SHA256SUMS"):
        verify(copy, required=True)
    (copy / "more.safetensors").unlink()
    assert verify(copy, required=True) is True
    config = copy / "config.json"
    config.write_text(config.read_text() + " ")
    with pytest.raises(InferenceError, match=r"config\.json .* does not match"):
        verify(copy)
    config.unlink()
    with pytest.raises(InferenceError, match=r"config\.json is missing"):
        verify(copy)
    (copy / manifest.MANIFEST).write_text(f"{'0' * 64}  ../outside\n")
    with pytest.raises(InferenceError, match="outside"):
        verify(copy)


@pytest.mark.parametrize(
    ("source", "says"),
    [
        ("/nowhere/at-all", "no model at"),
        ("pvc://claim/none", "no model at"),
        ("memory://none/here", "no files of a model"),
        ("gopher://x/y", "cannot be read"),
    ],
)
def test_a_wrong_address_is_named(source, says, tmp_path):
    with pytest.raises(InferenceError, match=says):
        fetch(source, tmp_path)


def test_damaged_weights_are_named(copy):
    weights = copy / "model.safetensors"
    whole = weights.read_bytes()
    for damaged in (whole[:-100], whole[:20], b"\xff" * 64, b""):
        weights.write_bytes(damaged)
        with pytest.raises(InferenceError, match=r"model\.safetensors is damaged"):
            loading.load_model(copy, {})
    weights.unlink()
    with pytest.raises(InferenceError, match=r"no \*\.safetensors"):
        loading.load_model(copy, {})


def test_a_model_of_another_shape_or_vocabulary_is_refused(copy, model_dir):
    tensors = load_file(copy / "model.safetensors")
    config = json.loads((copy / "config.json").read_text())
    (copy / "config.json").write_text(json.dumps(config | {"hidden_size": 32}))
    with pytest.raises(InferenceError, match="cannot be loaded"):
        loading.load_model(copy, {})
    (copy / "config.json").write_text(json.dumps(config | {"vocab_size": 100}))
    for name in ("lm_head.weight", "model.embed_tokens.weight"):
        tensors[name] = tensors[name][:100].clone()
    save_file(tensors, copy / "model.safetensors", metadata={"format": "pt"})
    with pytest.raises(InferenceError, match="do not belong together"):
        loading.refuse_other_vocabulary(loading.load_model(copy, {}), 320)


def test_a_user_sees_one_line_and_no_traceback(copy, capsys):
    (copy / "model.safetensors").write_bytes(b"x")
    assert cli.main(["serve", "--model", str(copy), "--engine", "batching"]) == 1
    error = capsys.readouterr().err
    assert "is damaged" in error
    assert "Traceback" not in error


def test_int8_weights_answer_nearly_as_the_model_does(model_dir):
    import torch

    ids = torch.tensor([[5, 6, 7, 8, 9]])
    with torch.inference_mode():
        exact = loading.load_model(model_dir, {}).module(ids).logits
        rounded = loading.load_model(model_dir, {}, int8=True).module(ids).logits
    assert not torch.equal(exact, rounded)
    assert torch.nn.functional.cosine_similarity(exact, rounded, dim=-1).min() > 0.99


def test_a_cache_that_could_outgrow_the_machine_is_refused_at_the_start(model_dir):
    from cnai_inference.serving import refuse_too_large

    model = loading.load_model(model_dir, {})
    # 2 layers, keys and values, 2 heads of 16 floats.
    assert model.cache_bytes(rows=3, tokens=5) == 2 * 2 * 2 * 16 * 4 * 3 * 5
    with pytest.raises(InferenceError, match="max-model-len"):
        refuse_too_large(2**60)


@pytest.mark.parametrize("kind", ["dora", "modules", "other", "start", "layers", "biases"])
def test_an_adapter_that_a_mixed_batch_cannot_have_is_refused_at_the_start(kind, model_dir, tmp_path):
    from peft import IA3Config, LoraConfig, get_peft_model
    from transformers import LlamaForCausalLM

    config = {
        "dora": LoraConfig(r=4, target_modules=["q_proj"], use_dora=True),
        "modules": LoraConfig(r=4, target_modules=["q_proj"], modules_to_save=["lm_head"]),
        "other": IA3Config(target_modules=["q_proj"], feedforward_modules=[]),
        # These would change the base model for every other request.
        "start": LoraConfig(r=4, target_modules=["q_proj"], init_lora_weights="pissa_niter_4"),
        "layers": LoraConfig(r=4, target_modules=["q_proj"], layer_replication=[(0, 1), (0, 2)]),
        "biases": LoraConfig(r=4, target_modules=["q_proj"], bias="all"),
    }[kind]
    get_peft_model(LlamaForCausalLM.from_pretrained(model_dir), config).save_pretrained(tmp_path)
    with pytest.raises(InferenceError, match="plain LoRA adapters only"):
        loading.load_model(model_dir, {"tuned": tmp_path})


def test_adapters_mix_in_one_batch_over_int8_weights(model_dir, adapter_dir):
    import torch

    model = loading.load_model(model_dir, {"tuned": adapter_dir}, int8=True)
    cache = model.cache(rows=3, limit=32)
    with torch.inference_mode():
        logits = model.prefill(cache, 0, [0, 0, 0], [[5, 6, 7]] * 3, [None, "tuned", None])
    assert torch.allclose(logits[0], logits[2], atol=1e-5)
    assert not torch.allclose(logits[0], logits[1], atol=1e-2)
