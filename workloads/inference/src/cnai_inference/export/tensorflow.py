"""A Llama-shaped model as a SavedModel for TF Serving; needs TensorFlow, which this project does not install."""

import json
from pathlib import Path
from typing import Any

import numpy as np
import torch
from safetensors.numpy import load_file

from cnai_inference.errors import InferenceError
from cnai_inference.export.logits import example, load
from cnai_inference.export.onnx import TOLERANCE


def to_tensorflow(model: Path, output: Path) -> Path:
    """Writes `output/1`: the signature `serving_default` takes `input_ids` [batch, length] and gives `logits`."""
    try:
        import tensorflow as tf
    except ImportError as error:
        raise InferenceError("TensorFlow is not installed: pip install tensorflow, then export again") from error
    config = json.loads((model / "config.json").read_text(encoding="utf-8"))
    weights = {name: value for path in model.glob("*.safetensors") for name, value in load_file(path).items()}
    module = tf.Module()
    module.weights = {name.replace(".", "_"): tf.Variable(value, trainable=False) for name, value in weights.items()}

    def weight(name: str) -> Any:
        try:
            return module.weights[name.replace(".", "_")]
        except KeyError:
            raise InferenceError(f"{model} has no {name}: this export knows Llama models only; take onnx") from None

    @tf.function(input_signature=[tf.TensorSpec([None, None], tf.int64, name="input_ids")])
    def logits(input_ids: Any) -> dict[str, Any]:
        return {"logits": forward(tf, config, weight, input_ids)}

    module.serve = logits
    path = output / "1"
    tf.saved_model.save(module, str(path), signatures={"serving_default": logits})
    check(tf, model, path)
    return path


def check(tf: Any, model: Path, path: Path) -> None:
    """The saved model, read back, against torch: a Llama-shaped model may still scale its positions or add biases."""
    torch_model = load(model)
    ids = example(torch_model, batch=3, length=13)
    found = tf.saved_model.load(str(path)).signatures["serving_default"](input_ids=tf.constant(ids.numpy()))["logits"]
    with torch.inference_mode():
        difference = float(np.abs(found.numpy() - torch_model(ids).numpy()).max())
    if not difference < TOLERANCE:
        raise InferenceError(
            f"{path} differs from the model by {difference:.2g}, and {TOLERANCE:g} is allowed: "
            "this export knows plain Llama models only; take onnx"
        )


def forward(tf: Any, config: dict[str, Any], weight: Any, ids: Any) -> Any:
    x = tf.gather(weight("model.embed_tokens.weight"), ids)
    for index in range(config["num_hidden_layers"]):
        layer = f"model.layers.{index}"

        def project(name: str, value: Any, layer: str = layer) -> Any:
            return tf.einsum("bld,od->blo", value, weight(f"{layer}.{name}.weight"))

        normed = norm(tf, x, weight(f"{layer}.input_layernorm.weight"), config)
        x += attention(tf, config, project, normed)
        normed = norm(tf, x, weight(f"{layer}.post_attention_layernorm.weight"), config)
        x += project("mlp.down_proj", tf.nn.silu(project("mlp.gate_proj", normed)) * project("mlp.up_proj", normed))
    x = norm(tf, x, weight("model.norm.weight"), config)
    tied = config.get("tie_word_embeddings")
    return tf.einsum("bld,vd->blv", x, weight("model.embed_tokens.weight" if tied else "lm_head.weight"))


def norm(tf: Any, x: Any, scale: Any, config: dict[str, Any]) -> Any:
    return x * tf.math.rsqrt(tf.reduce_mean(x * x, -1, keepdims=True) + config["rms_norm_eps"]) * scale


def attention(tf: Any, config: dict[str, Any], project: Any, x: Any) -> Any:
    heads, shared = config["num_attention_heads"], config["num_key_value_heads"]
    size = config.get("head_dim") or config["hidden_size"] // heads
    length = tf.shape(x)[1]

    def split(name: str, count: int) -> Any:
        return tf.reshape(project(f"self_attn.{name}", x), [tf.shape(x)[0], length, count, size])

    query = rotated(tf, config, split("q_proj", heads), size)
    key = tf.repeat(rotated(tf, config, split("k_proj", shared), size), heads // shared, axis=2)
    value = tf.repeat(split("v_proj", shared), heads // shared, axis=2)
    scores = tf.einsum("bqhd,bkhd->bhqk", query, key) * size**-0.5
    scores += (1 - tf.linalg.band_part(tf.ones([length, length]), -1, 0)) * -1e9
    mixed = tf.einsum("bhqk,bkhd->bqhd", tf.nn.softmax(scores), value)
    return project("self_attn.o_proj", tf.reshape(mixed, [tf.shape(x)[0], length, heads * size]))


def rotated(tf: Any, config: dict[str, Any], x: Any, size: int) -> Any:
    theta = (config.get("rope_parameters") or config)["rope_theta"]
    frequencies = theta ** -(tf.range(0, size, 2, dtype=tf.float32) / size)
    angles = tf.cast(tf.range(tf.shape(x)[1]), tf.float32)[:, None] * frequencies
    angles = tf.concat([angles, angles], -1)[None, :, None, :]
    first, second = tf.split(x, 2, axis=-1)
    return x * tf.cos(angles) + tf.concat([-second, first], -1) * tf.sin(angles)
