"""Low-rank adapters put in by `peft`, saved as it saves them, and merged for servers that want one model."""

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from typing import Any

from torch import Tensor, nn

from cnai_training.config import Finetune
from cnai_training.errors import TrainingError

ADAPTER = "default"


def settings(given: Finetune) -> dict[str, Any]:
    """`adapter_config.json`, as far as it says anything."""
    return {
        "peft_type": "LORA",
        "task_type": "CAUSAL_LM",
        "r": given.lora_rank,
        "lora_alpha": given.lora_alpha,
        "lora_dropout": given.lora_dropout,
        "target_modules": sorted(given.lora_targets),
        "bias": "none",
        "inference_mode": True,
        "fan_in_fan_out": False,
    }


def add(model: nn.Module, given: Finetune) -> None:
    """Freezes the model and puts adapters beside the target matrices."""
    from peft import LoraConfig, inject_adapter_in_model

    lora = LoraConfig(
        r=given.lora_rank,
        lora_alpha=given.lora_alpha,
        lora_dropout=given.lora_dropout,
        target_modules=given.lora_targets,
    )
    try:
        inject_adapter_in_model(lora, model, adapter_name=ADAPTER)
    except ValueError as error:
        raise TrainingError(f"lora_targets {given.lora_targets}: {error}") from None
    for name, parameter in model.named_parameters():
        parameter.requires_grad_(".lora_" in name)


def base_name(name: str) -> str:
    """A parameter's name in the model without adapters."""
    return name.replace(".base_layer.", ".")


def is_adapter(name: str) -> bool:
    return ".lora_A." in name or ".lora_B." in name


@contextmanager
def switched_off(model: nn.Module) -> Iterator[None]:
    """The model that the adapters were added to."""
    from peft.tuners.tuners_utils import BaseTunerLayer

    layers = [module for module in model.modules() if isinstance(module, BaseTunerLayer)]
    for layer in layers:
        layer._disable_adapters = True
    try:
        yield
    finally:
        for layer in layers:
            layer._disable_adapters = False


def separated(tensors: Mapping[str, Tensor], given: Finetune) -> tuple[dict[str, Tensor], dict[str, Tensor]]:
    """The merged model, and the adapters by peft's names."""
    adapters = {name.replace(f".{ADAPTER}.", "."): tensor for name, tensor in tensors.items() if is_adapter(name)}
    merged = {}
    for name, tensor in tensors.items():
        if is_adapter(name):
            continue
        plain = base_name(name)
        module = plain.removesuffix(".weight")
        if (down := adapters.get(f"{module}.lora_A.weight")) is not None:
            up = adapters[f"{module}.lora_B.weight"]
            tensor = tensor + (up @ down) * (given.lora_alpha / given.lora_rank)
        merged[plain] = tensor
    return merged, adapters
