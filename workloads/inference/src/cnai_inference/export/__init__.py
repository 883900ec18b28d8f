"""Other runtimes' formats: ONNX, a Triton model repository, torch.export, TensorFlow's SavedModel."""

from cnai_inference.export.onnx import to_onnx
from cnai_inference.export.tensorflow import to_tensorflow
from cnai_inference.export.torch import to_torch
from cnai_inference.export.triton import to_triton

__all__ = ["to_onnx", "to_tensorflow", "to_torch", "to_triton"]
