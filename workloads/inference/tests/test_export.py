"""Exports give the model's own logits."""

import importlib.util
import json
import re

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


def test_tritons_own_schema_reads_the_configurations(model_dir, tmp_path):
    from google.protobuf import text_format
    from tritonclient.grpc.model_config_pb2 import DataType, ModelConfig, ModelInstanceGroup

    export.to_triton(model_dir, tmp_path, "/models")
    name = model_dir.name
    logits, chat = (
        text_format.Parse((tmp_path / folder / "config.pbtxt").read_text(), ModelConfig())
        for folder in (f"{name}-logits", name)
    )
    assert (logits.name, logits.backend, chat.name, chat.backend) == (f"{name}-logits", "onnxruntime", name, "vllm")
    assert [(one.name, one.data_type, list(one.dims)) for one in logits.input] == [
        ("input_ids", DataType.TYPE_INT64, [-1])
    ]
    assert [(one.name, one.data_type) for one in logits.output] == [("logits", DataType.TYPE_FP32)]
    # The batch dimension that Triton adds is the exported one.
    assert logits.max_batch_size > 0
    assert chat.instance_group[0].kind == ModelInstanceGroup.KIND_MODEL
    settings = json.loads((tmp_path / name / "1" / "model.json").read_text())
    assert settings["model"] == f"/models/{name}/1/weights"
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
