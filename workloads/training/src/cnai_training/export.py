"""A model folder for the servers, with a checksum for every file."""

from typing import Any

import torch
from safetensors import SafetensorError, safe_open

from cnai_training import hf, lora, storage, train
from cnai_training import job as jobs
from cnai_training.checkpoint import Checkpoints
from cnai_training.config import Config, Parallel
from cnai_training.distributed import world
from cnai_training.errors import TrainingError

SUMS = "SHA256SUMS"


def export(config: Config, step_name: str, checkpoint: int, to: str) -> dict[str, Any]:
    """Copies `model/` (and `adapter/`), or makes a model of a checkpoint; `SHA256SUMS` comes last."""
    ready(to)
    if checkpoint:
        from_checkpoint(config, step_name, checkpoint, to)
    else:
        copy(storage.join(config.run, step_name, "model"), to)
        adapter = storage.join(config.run, step_name, "adapter")
        if storage.exists(adapter):
            copy(adapter, storage.join(to, "adapter"))
    sums = digests(to)
    storage.write_bytes(storage.join(to, SUMS), "".join(f"{sha}  {name}\n" for name, sha in sums.items()).encode())
    return {"model": to, "files": sums}


def ready(to: str) -> None:
    """Only an earlier export is written over."""
    names = storage.names(to)
    if names and SUMS not in names:
        raise TrainingError(f"{to} holds files that are no earlier export; give a new folder with --to")
    for name in names:
        storage.remove(storage.join(to, name))


def copy(source: str, to: str) -> None:
    names = storage.names(source)
    if "config.json" not in names and "adapter_config.json" not in names:
        raise TrainingError(f"{source} holds no model; run the step that writes it, or choose another with --from")
    for name in names:
        if name.endswith(".safetensors"):
            readable(storage.join(source, name))
        storage.copy(storage.join(source, name), storage.join(to, name))


def readable(url: str) -> None:
    try:
        with safe_open(storage.local_copy(url), framework="pt"):
            pass
    except (SafetensorError, OSError) as error:
        raise TrainingError(f"{url} is not a complete safetensors file ({error}); write the model again") from None


def digests(url: str) -> dict[str, str]:
    paths = [
        storage.join(name, inner) if inner else name
        for name in storage.names(url)
        for inner in (storage.names(storage.join(url, name)) if name == "adapter" else [""])
    ]
    return {path: storage.sha256(storage.join(url, path)) for path in paths}


def from_checkpoint(config: Config, step_name: str, step: int, to: str) -> None:
    """In one process, whatever the layout was that wrote it."""
    job = jobs.job(step_name, config)
    with world(Parallel()) as here:
        shape = jobs.model_config(job, job.rows("train"))
        model = jobs.built(job, shape, here, job.adapters)
        checkpoints = Checkpoints(storage.join(job.url, "checkpoints"), here, job.loop.keep, asynchronous=False)
        notes = checkpoints.notes(step)
        if not notes or not checkpoints.unharmed(step, notes):
            known = ", ".join(map(str, checkpoints.steps())) or "none"
            raise TrainingError(f"{checkpoints.folder(step)} is not a complete checkpoint; steps there: {known}")
        checkpoints.load(step, model, None)
        tensors = train.whole(model, torch.float32)
        if job.adapters:
            tensors, _ = lora.separated(tensors, job.adapters)
        if shape.tie_embeddings:
            tensors.pop("lm_head.weight", None)
        hf.save(to, shape, tensors, storage.join(config.run, "tokenizer"))
