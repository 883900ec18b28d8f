"""A Triton model repository: ONNX for Triton's onnxruntime backend, the model's directory for its vLLM backend."""

import json
import shutil
from pathlib import Path

from cnai_inference.export.logits import load
from cnai_inference.export.onnx import check, to_onnx

ONNX = """\
name: "{name}"
backend: "onnxruntime"
max_batch_size: 16
input [{{ name: "input_ids", data_type: TYPE_INT64, dims: [ -1 ] }}]
output [{{ name: "logits", data_type: TYPE_FP32, dims: [ -1, {vocabulary} ] }}]
dynamic_batching {{ max_queue_delay_microseconds: 2000 }}
instance_group [{{ kind: KIND_AUTO }}]
"""

VLLM = """\
name: "{name}"
backend: "vllm"
instance_group [{{ count: 1, kind: KIND_MODEL }}]
"""


def to_triton(model: Path, output: Path, mounted_at: str = "") -> Path:
    """`output/<model>-logits` (ONNX) and `output/<model>` (text in, text out, by vLLM).

    `mounted_at` is where the server will see `output`; left out: at the same place.
    """
    name = model.resolve().name
    logits = output / f"{name}-logits"
    to_onnx(model, logits / "1")
    loaded = load(model)
    (logits / "config.pbtxt").write_text(ONNX.format(name=logits.name, vocabulary=loaded.model.config.vocab_size))
    check(loaded, logits / "1" / "model.onnx")
    chat = output / name
    weights = chat / "1" / "weights"
    shutil.copytree(model, weights, dirs_exist_ok=True)
    (chat / "config.pbtxt").write_text(VLLM.format(name=name))
    # vLLM's arguments; the backend looks for a relative path from where the server was started, not from here.
    settings = {"model": f"{mounted_at or output.resolve()}/{name}/1/weights", "gpu_memory_utilization": 0.9}
    (chat / "1" / "model.json").write_text(json.dumps(settings, indent=2) + "\n")
    return output
