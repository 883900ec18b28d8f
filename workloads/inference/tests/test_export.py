"""Exports give the model's own logits."""

import importlib.util
import json
import re
import subprocess
import sys

import numpy as np
import pytest
import torch
from cnai_inference import export
from cnai_inference.errors import InferenceError
from cnai_inference.export.logits import example, load


def test_onnx_and_the_triton_repository_answer_as_the_model_does(model_dir, tmp_path):
    import onnxruntime

    export.to_triton(model_dir, tmp_path)
    name = model_dir.name
    session = onnxruntime.InferenceSession(str(tmp_path / f"{name}-logits" / "1" / "model.onnx"))
    model = load(model_dir)
    ids = example(model, batch=1, length=21)
    with torch.inference_mode():
        expected = model(ids).numpy()
    np.testing.assert_allclose(session.run(None, {"input_ids": ids.numpy()})[0], expected, atol=1e-3)
    # What Triton would be told agrees with what the model has.
    config = (tmp_path / f"{name}-logits" / "config.pbtxt").read_text()
    assert re.search(r'name: "(.*)"', config)[1] == f"{name}-logits"
    assert {one.name for one in session.get_inputs()} == set(re.findall(r'input \[\{ name: "(\w+)"', config))
    assert f"dims: [ -1, {expected.shape[-1]} ]" in config
    assert (tmp_path / name / "1" / "weights" / "model.safetensors").exists()


PARSE = """
import sys
from google.protobuf import json_format, text_format
from tritonclient.grpc.model_config_pb2 import ModelConfig
print(json_format.MessageToJson(text_format.Parse(open(sys.argv[1]).read(), ModelConfig())))
"""


def as_triton_reads(path):
    """In a process of its own: kserve's protocol buffers have the same names."""
    command = [sys.executable, "-c", PARSE, str(path)]
    return json.loads(subprocess.run(command, capture_output=True, text=True, check=True).stdout)


def test_tritons_own_schema_reads_the_configurations(model_dir, tmp_path):
    export.to_triton(model_dir, tmp_path, "/models")
    name = model_dir.name
    logits = as_triton_reads(tmp_path / f"{name}-logits" / "config.pbtxt")
    chat = as_triton_reads(tmp_path / name / "config.pbtxt")
    assert (logits["name"], logits["backend"]) == (f"{name}-logits", "onnxruntime")
    assert logits["input"] == [{"name": "input_ids", "dataType": "TYPE_INT64", "dims": ["-1"]}]
    assert [(one["name"], one["dataType"]) for one in logits["output"]] == [("logits", "TYPE_FP32")]
    # The batch dimension that Triton adds is the exported one.
    assert logits["maxBatchSize"] > 0
    assert (chat["name"], chat["backend"], chat["instanceGroup"][0]["kind"]) == (name, "vllm", "KIND_MODEL")
    settings = json.loads((tmp_path / name / "1" / "model.json").read_text())
    assert settings == {"model": f"/models/{name}/1/weights", "gpu_memory_utilization": 0.9}
    assert {path.name for path in (tmp_path / f"{name}-logits" / "1").iterdir()} == {"model.onnx"}


def test_the_torch_program_runs_without_this_package(model_dir, tmp_path):
    path = export.to_torch(model_dir, tmp_path)
    ids = torch.tensor([[5, 6, 7, 8]])
    with torch.inference_mode():
        assert torch.allclose(torch.export.load(path).module()(ids), load(model_dir)(ids), atol=1e-4)


@pytest.mark.skipif(importlib.util.find_spec("tensorflow") is not None, reason="TensorFlow is installed")
def test_the_tensorflow_export_says_what_it_needs(model_dir, tmp_path):
    with pytest.raises(InferenceError, match="TensorFlow is not installed"):
        export.to_tensorflow(model_dir, tmp_path)


@pytest.mark.skipif(importlib.util.find_spec("tensorflow") is None, reason="TensorFlow is not installed")
def test_the_saved_model_answers_as_the_model_does(model_dir, tmp_path):
    import tensorflow as tf

    loaded = tf.saved_model.load(str(export.to_tensorflow(model_dir, tmp_path)))
    model = load(model_dir)
    ids = example(model, batch=2, length=9)
    with torch.inference_mode():
        expected = model(ids).numpy()
    found = loaded.signatures["serving_default"](input_ids=tf.constant(ids.numpy()))["logits"]
    np.testing.assert_allclose(found.numpy(), expected, atol=1e-3)
