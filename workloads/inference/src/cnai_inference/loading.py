"""From a directory in Hugging Face format to a model that the batching engine runs."""

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import torch
from safetensors import SafetensorError, safe_open
from torch import nn
from transformers import AutoConfig, AutoModelForCausalLM, AutoTokenizer, PreTrainedTokenizerFast

from cnai_inference.engine.model import CausalModel
from cnai_inference.errors import InferenceError


def load_tokenizer(directory: Path) -> PreTrainedTokenizerFast:
    if not (directory / "tokenizer.json").exists():
        raise InferenceError(f"{directory} has no tokenizer.json: save the tokenizer beside the model")
    try:
        return AutoTokenizer.from_pretrained(directory, local_files_only=True)
    except (ValueError, OSError) as error:
        raise InferenceError(f"the tokenizer in {directory} cannot be read: {error}") from error


def load_model(
    directory: Path, adapters: Mapping[str, Path], *, dtype: str = "float32", int8: bool = False
) -> CausalModel:
    """Adapters stay apart from the weights, so that one batch may mix them."""
    refuse_damaged(directory)
    try:
        config = AutoConfig.from_pretrained(directory, local_files_only=True)
        model = AutoModelForCausalLM.from_pretrained(
            directory,
            config=config,
            dtype=getattr(torch, dtype),
            use_safetensors=True,
            local_files_only=True,
            attn_implementation="sdpa",
        )
    except (ValueError, OSError, RuntimeError, KeyError, SafetensorError) as error:
        raise InferenceError(f"the model in {directory} cannot be loaded: {error}") from error
    if adapters:
        model = with_adapters(model, adapters)
    if int8:
        quantize(model)
    return CausalModel(model, tuple(adapters))


def refuse_damaged(directory: Path) -> None:
    """Opens every weights file: its header must be whole and agree with the file's size."""
    if not (directory / "config.json").exists():
        raise InferenceError(f"{directory} has no config.json: it is not a model in Hugging Face format")
    files = sorted(directory.glob("*.safetensors"))
    if not files:
        raise InferenceError(f"{directory} has no *.safetensors: save the model as safetensors (pickles are not read)")
    for path in files:
        try:
            with safe_open(path, framework="pt") as tensors:
                tensors.keys()
        except (SafetensorError, OSError) as error:
            raise InferenceError(f"{path} is damaged ({error}): copy the model again") from error


def refuse_other_vocabulary(model: CausalModel, tokens: int) -> None:
    if tokens > model.config.vocab_size:
        raise InferenceError(
            f"the tokenizer has {tokens} tokens and the model only {model.config.vocab_size}: "
            "they do not belong together"
        )


def with_adapters(model: Any, adapters: Mapping[str, Path]) -> Any:
    from peft import PeftModel

    adapted = None
    for name, path in adapters.items():
        try:
            if adapted is None:
                adapted = PeftModel.from_pretrained(model, str(path), adapter_name=name)
            else:
                adapted.load_adapter(str(path), adapter_name=name)
        except (ValueError, OSError, RuntimeError, KeyError, SafetensorError) as error:
            raise InferenceError(f"the adapter {name} at {path} does not fit this model: {error}") from error
        refuse_unmixable(name, adapted.peft_config[name])
    return adapted


CHANGING = ("corda", "loftq", "lora_ga", "olora", "pissa")
"""Starts for which peft changes the base model when it loads the adapter, for every other request too."""


def refuse_unmixable(name: str, config: Any) -> None:
    """What peft cannot apply to some rows of a batch only."""
    wanted = {
        "use_dora": "DoRA",
        "modules_to_save": "whole modules of its own (modules_to_save)",
        "trainable_token_indices": "tokens of its own (trainable_token_indices)",
        "target_parameters": "changes to bare parameters (target_parameters)",
        "alora_invocation_tokens": "activation by tokens (aLoRA)",
        "layer_replication": "layers of its own (layer_replication)",
    }
    kind = config.peft_type.value
    met = [text for key, text in wanted.items() if getattr(config, key, None)]
    if getattr(config, "bias", "none") != "none":
        met.append("biases of its own (bias)")
    start = getattr(config, "init_lora_weights", True)
    if isinstance(start, str) and start.startswith(CHANGING):
        met.append(f"a start that changes the model's own weights ({start}; convert it to plain LoRA as peft says)")
    if kind != "LORA" or met:
        raise InferenceError(
            f"the adapter {name} has {', '.join(met) or f'type {kind}'}, and one batch mixes plain LoRA adapters only: "
            "merge it into the model, or serve it with --engine vllm where that supports it"
        )


def quantize(model: nn.Module) -> None:
    """Linear layers to int8 weights, with activations quantised as they come; adapters and the output layer stay exact.

    torch 2.15 announces these kernels' end; weight-only ones (`_weight_int8pack_mm`) are many times slower on the CPU.
    """
    from torch.ao.nn.quantized.dynamic import Linear
    from torch.ao.quantization.qconfig import per_channel_dynamic_qconfig

    for name, module in list(model.named_modules()):
        if type(module) is not nn.Linear or "lora_" in name or name.endswith("lm_head"):
            continue
        parent, _, child = name.rpartition(".")
        module.qconfig = per_channel_dynamic_qconfig
        setattr(model.get_submodule(parent), child, Linear.from_float(module.float()))
