"""ONNX, checked against torch before it is called done."""

from pathlib import Path

import numpy as np
import torch

from cnai_inference.errors import InferenceError
from cnai_inference.export.logits import Logits, example, load, shapes

TOLERANCE = 1e-3
OPSET = 20


def to_onnx(model: Path, output: Path) -> Path:
    """Writes `model.onnx` into the directory `output`, its weights beside it where they are large."""
    logits = load(model)
    output.mkdir(parents=True, exist_ok=True)
    path = output / "model.onnx"
    with torch.inference_mode():
        program = torch.onnx.export(
            logits,
            (example(logits),),
            dynamo=True,
            input_names=["input_ids"],
            output_names=["logits"],
            dynamic_shapes=shapes(logits),
            opset_version=OPSET,
            verbose=False,
        )
    assert program is not None
    program.save(str(path))
    check(logits, path)
    return path


@torch.inference_mode()
def check(logits: Logits, path: Path) -> None:
    """Another batch and length than the export saw."""
    import onnxruntime

    session = onnxruntime.InferenceSession(str(path), providers=["CPUExecutionProvider"])
    ids = example(logits, batch=3, length=13)
    (found,) = session.run(["logits"], {"input_ids": ids.numpy()})
    difference = float(np.abs(found - logits(ids).numpy()).max())
    if not difference < TOLERANCE:
        raise InferenceError(f"{path} differs from the model by {difference:.2g}; {TOLERANCE:g} is allowed")
