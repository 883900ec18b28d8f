"""Model folders as Hugging Face, vLLM, KServe and Triton read them: config.json, safetensors, tokenizer."""

import json
import tempfile
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import torch
from safetensors import SafetensorError, safe_open
from safetensors.torch import save_file
from torch import Tensor

from cnai_training import storage
from cnai_training.errors import TrainingError
from cnai_training.model import ModelConfig
from cnai_training.prepare import chat, tokenizer

WEIGHTS, INDEX = "model.safetensors", "model.safetensors.index.json"
NAMES = {
    "vocab_size": "vocab_size",
    "hidden_size": "hidden_size",
    "intermediate_size": "intermediate_size",
    "layers": "num_hidden_layers",
    "heads": "num_attention_heads",
    "kv_heads": "num_key_value_heads",
    "context": "max_position_embeddings",
    "norm_eps": "rms_norm_eps",
    "tie_embeddings": "tie_word_embeddings",
}


def config_json(config: ModelConfig, ids: Mapping[str, int], dtype: torch.dtype) -> dict[str, Any]:
    name = str(dtype).removeprefix("torch.")
    return {
        "architectures": ["LlamaForCausalLM"],
        "model_type": "llama",
        **{theirs: getattr(config, ours) for ours, theirs in NAMES.items()},
        "head_dim": config.head_size,
        "hidden_act": "silu",
        "attention_bias": False,
        "mlp_bias": False,
        "attention_dropout": 0.0,
        "initializer_range": 0.02,
        # The first is what transformers 4 and vLLM read, the second what transformers 5 reads.
        "rope_theta": config.rope_theta,
        "rope_parameters": {"rope_theta": config.rope_theta, "rope_type": "default"},
        "torch_dtype": name,
        "dtype": name,
        "use_cache": True,
        **ids,
    }


def read_config(url: str) -> ModelConfig:
    """The shape of a model folder; refuses what `model.py` does not compute."""
    given = storage.read_json(storage.join(url, "config.json"))
    rope = given.get("rope_parameters") or {}
    scaling = (given.get("rope_scaling") or rope).get("rope_type", "default")
    wrong = {
        "model_type": (given.get("model_type"), "llama"),
        "hidden_act": (given.get("hidden_act", "silu"), "silu"),
        "attention_bias": (given.get("attention_bias", False), False),
        "mlp_bias": (given.get("mlp_bias", False), False),
        "rope_type": (scaling, "default"),
    }
    for name, (value, only) in wrong.items():
        if value != only:
            raise TrainingError(f"{url}/config.json: {name} is {value!r}, and this model has only {only!r}")
    given.setdefault("num_key_value_heads", given.get("num_attention_heads"))
    if missing := [theirs for theirs in NAMES.values() if theirs not in given and theirs != "tie_word_embeddings"]:
        raise TrainingError(f"{url}/config.json lacks {', '.join(missing)}; give a Llama's")
    shape = {ours: given[theirs] for ours, theirs in NAMES.items() if theirs in given}
    config = ModelConfig(**shape, rope_theta=given.get("rope_theta") or rope.get("rope_theta", 10000.0))
    if given.get("head_dim") not in (None, config.head_size):
        raise TrainingError(
            f"{url}/config.json: head_dim is {given['head_dim']}, and this model's is {config.head_size}"
        )
    return config


def weights(url: str) -> Callable[[str, torch.Size], Tensor]:
    """A parameter's values by its name, read one at a time, from one file or several."""
    files = {}
    if storage.exists(storage.join(url, INDEX)):
        files = storage.read_json(storage.join(url, INDEX))["weight_map"]
    opened: dict[str, Any] = {}

    def values(name: str, shape: torch.Size) -> Tensor:
        file = storage.join(url, files.get(name, WEIGHTS))
        try:
            if file not in opened:
                opened[file] = safe_open(storage.local_copy(file), framework="pt")
            tensor = opened[file].get_tensor(name)
        except (SafetensorError, OSError, ValueError) as error:
            raise TrainingError(f"{file} has no readable {name} ({error}); write or copy the model again") from None
        if tensor.shape != shape:
            raise TrainingError(
                f"{file}: {name} is {list(tensor.shape)}, config.json says {list(shape)}; they do not belong"
            )
        return tensor

    return values


def save(
    url: str, config: ModelConfig, tensors: Mapping[str, Tensor], tokenizer_url: str, part: tuple[int, int] = (0, 1)
) -> None:
    """Part `(stage, stages)` of a model folder; part 0 writes all that is not weights."""
    stage, stages = part
    file = WEIGHTS if stages == 1 else f"model-{stage + 1:05d}-of-{stages:05d}.safetensors"
    with tempfile.TemporaryDirectory() as folder:
        save_file(
            {name: tensor.contiguous() for name, tensor in tensors.items()}, Path(folder) / file, {"format": "pt"}
        )
        storage.upload(Path(folder), url)
    if stage == 0:
        dtype = next(iter(tensors.values())).dtype
        vocabulary = tokenizer.load(tokenizer_url)
        ids = {
            "bos_token_id": vocabulary.token_to_id(chat.BEGIN),
            "eos_token_id": [vocabulary.token_to_id(name) for name in (chat.END_OF_TURN, chat.END_OF_TEXT)],
            "pad_token_id": vocabulary.token_to_id(chat.PAD),
        }
        storage.write_json(storage.join(url, "config.json"), config_json(config, ids, dtype))
        storage.write_json(storage.join(url, "generation_config.json"), {**ids, "do_sample": False})
        tokenizer.copy(tokenizer_url, url)


def save_index(url: str, names: list[list[str]], bytes_total: int) -> None:
    """Which part holds which parameter, for a model that several stages wrote."""
    stages = len(names)
    weight_map = {
        name: f"model-{stage + 1:05d}-of-{stages:05d}.safetensors" for stage, of in enumerate(names) for name in of
    }
    storage.write_json(storage.join(url, INDEX), {"metadata": {"total_size": bytes_total}, "weight_map": weight_map})


def save_adapter(url: str, settings: Mapping[str, Any], tensors: Mapping[str, Tensor], base: str) -> None:
    """LoRA matrices as `peft` saves them."""
    with tempfile.TemporaryDirectory() as folder:
        named = {f"base_model.model.{name}": tensor.contiguous() for name, tensor in tensors.items()}
        save_file(named, Path(folder) / "adapter_model.safetensors", {"format": "pt"})
        text = json.dumps({**settings, "base_model_name_or_path": base}, indent=2)
        (Path(folder) / "adapter_config.json").write_text(text)
        storage.upload(Path(folder), url)
