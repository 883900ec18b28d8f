"""torch.export's portable program, for small models; read back and compared."""

from pathlib import Path

import torch

from cnai_inference.errors import InferenceError
from cnai_inference.export.logits import example, load, shapes


@torch.inference_mode()
def to_torch(model: Path, output: Path) -> Path:
    """Writes `model.pt2` into the directory `output`: `torch.export.load(path).module()(input_ids)`."""
    logits = load(model)
    output.mkdir(parents=True, exist_ok=True)
    path = output / "model.pt2"
    torch.export.save(torch.export.export(logits, (example(logits),), dynamic_shapes=shapes(logits)), path)
    ids = example(logits, batch=3, length=13)
    if not torch.allclose(torch.export.load(path).module()(ids), logits(ids), atol=1e-4):
        raise InferenceError(f"{path} gives other logits than the model")
    return path
