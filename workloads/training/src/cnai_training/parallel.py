"""One model laid over the ranks: tensor and sequence parallel, FSDP2 or DDP, and stages of a pipeline."""

from typing import Any

import torch
from torch import nn
from torch.distributed.device_mesh import DeviceMesh
from torch.distributed.fsdp import MixedPrecisionPolicy, fully_shard
from torch.distributed.tensor import Replicate, Shard
from torch.distributed.tensor.parallel import (
    ColwiseParallel,
    ParallelStyle,
    PrepareModuleInput,
    RowwiseParallel,
    SequenceParallel,
    parallelize_module,
)

from cnai_training.config import Config, Parallel
from cnai_training.distributed import World
from cnai_training.errors import TrainingError
from cnai_training.model import Llama, ModelConfig

BF16 = MixedPrecisionPolicy(param_dtype=torch.bfloat16, reduce_dtype=torch.float32)


def checked(model: ModelConfig, parallel: Parallel, data_ranks: int) -> None:
    """What this layout cannot hold, said before anything is built."""
    if model.kv_heads % parallel.tensor or model.vocab_size % parallel.tensor or model.context % parallel.tensor:
        raise TrainingError(
            f"parallel.tensor={parallel.tensor} must divide kv_heads={model.kv_heads}, "
            f"vocab_size={model.vocab_size} and context={model.context}; change one of them"
        )
    if parallel.data == "ddp" and parallel.tensor > 1 and data_ranks > 1:
        raise TrainingError(
            'parallel.tensor goes with parallel.data = "fsdp" over several data ranks; change one of them'
        )
    if parallel.pipeline > model.layers:
        raise TrainingError(f"parallel.pipeline={parallel.pipeline} is more than the {model.layers} layers; lower it")
    if model.tie_embeddings and max(parallel.tensor, parallel.pipeline) > 1:
        raise TrainingError(
            "model.tie_embeddings works with parallel.tensor=1 and parallel.pipeline=1; untie, or change them"
        )


def layers_of(model: ModelConfig, stage: int, stages: int) -> tuple[int, int]:
    """A stage's first layer and the one after its last; earlier stages take what does not divide."""
    each, more = divmod(model.layers, stages)
    first = stage * each + min(stage, more)
    return first, first + each + (stage < more)


def tensor_plan(model: Llama) -> dict[str, ParallelStyle]:
    """Columns then rows for each pair of matrices; between them the sequence is shared out."""
    plan: dict[str, ParallelStyle] = {
        "model.embed_tokens": RowwiseParallel(input_layouts=Replicate(), output_layouts=Shard(1)),
        "model.norm": SequenceParallel(),
        "lm_head": ColwiseParallel(input_layouts=Shard(1), output_layouts=Replicate()),
    }
    for name in model.model.layers:
        layer = f"model.layers.{name}"
        whole = PrepareModuleInput(input_layouts=(Shard(1),), desired_input_layouts=(Replicate(),))
        plan |= {
            f"{layer}.input_layernorm": SequenceParallel(),
            f"{layer}.self_attn": PrepareModuleInput(
                input_layouts=(Shard(1), None, None, None), desired_input_layouts=(Replicate(), None, None, None)
            ),
            **{f"{layer}.self_attn.{side}_proj": ColwiseParallel() for side in "qkv"},
            f"{layer}.self_attn.o_proj": RowwiseParallel(output_layouts=Shard(1)),
            f"{layer}.post_attention_layernorm": SequenceParallel(),
            f"{layer}.mlp": whole,
            f"{layer}.mlp.gate_proj": ColwiseParallel(),
            f"{layer}.mlp.up_proj": ColwiseParallel(),
            f"{layer}.mlp.down_proj": RowwiseParallel(output_layouts=Shard(1)),
        }
    present = {name for name, _ in model.named_modules()}
    return {name: style for name, style in plan.items() if name in present}


def shard(model: Llama, mesh: DeviceMesh, bf16: bool) -> None:
    """FSDP2: each layer gathers its parameters when it runs."""
    options: dict[str, Any] = {"mesh": mesh, **({"mp_policy": BF16} if bf16 else {})}
    for block in model.model.layers.values():
        fully_shard(block, **options)
    fully_shard(model, **options)


def stage_of(config: ModelConfig, world: World) -> Llama:
    """This rank's layers, on the meta device: no memory is taken before the model is laid out."""
    with torch.device("meta"):
        return Llama(config, *layers_of(config, world.place("pipeline"), world.along("pipeline")))


def laid_out(model: Llama, config: Config, world: World, precision: str) -> nn.Module:
    """The model over the mesh, with memory but without values. DDP wraps later, when there are values to send."""
    checked(model.config, config.parallel, world.along("data"))
    if world.mesh is not None and config.parallel.tensor > 1:
        parallelize_module(model, world.mesh["tensor"], tensor_plan(model))
    if world.mesh is not None and config.parallel.data == "fsdp":
        shard(model, world.mesh["data"], precision == "bf16")
    model.to_empty(device=world.device)
    if model.config.tie_embeddings:
        model.lm_head.weight = model.model.embed_tokens.weight
    return model
