"""Which part of a graph is quantized, and what the rest is kept for."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import onnx
from onnx import TensorProto, helper, numpy_helper

from inference.sessions import open_session
from training.quantization.graph import float_nodes, quantize_graph


def test_layers_are_quantized_and_what_lies_around_them_is_not(tmp_path: Path):
    source, target = tmp_path / "model.onnx", tmp_path / "int8.onnx"
    onnx.save(_convolution(), source)
    random = np.random.default_rng(0)
    # Images of a detector differ in shape.
    shapes = [(1, 3, 32, 64), (1, 3, 64, 32), (1, 3, 32, 32)]
    quantize_graph(source, target, iter([random.random(shape, np.float32) for shape in shapes]))
    whole = onnx.load(source).graph
    assert float_nodes(whole) == ["scale", "shape", "sigmoid", "box", "both"]
    image = random.random((1, 3, 48, 32), np.float32)
    before, now = (open_session(path).run(None, {"images": image})[0] for path in (source, target))
    assert before[:, 8:].max() > 300
    assert np.abs(now[:, :8] - before[:, :8]).max() < 0.02
    assert np.abs(now[:, 8:] - before[:, 8:]).max() < 10


def _convolution() -> onnx.ModelProto:
    """Two layers with an activation between them, whose output stands beside 640 times itself."""
    random = np.random.default_rng(1)
    constants = {
        "first": random.normal(0, 0.3, (8, 3, 3, 3)),
        "second": random.normal(0, 0.3, (8, 8, 1, 1)),
        "double": np.array(2),
        "large": np.array(640),
    }
    nodes = [
        helper.make_node("Mul", ["images", "double"], ["scaled"], "scale"),
        helper.make_node("Shape", ["scaled"], ["sides"], "shape"),
        helper.make_node("Conv", ["scaled", "first"], ["one"], "one", pads=[1, 1, 1, 1]),
        helper.make_node("Relu", ["one"], ["positive"], "relu"),
        helper.make_node("Conv", ["positive", "second"], ["two"], "two"),
        helper.make_node("Sigmoid", ["two"], ["confidence"], "sigmoid"),
        helper.make_node("Mul", ["confidence", "large"], ["pixels"], "box"),
        helper.make_node("Concat", ["confidence", "pixels"], ["output"], "both", axis=1),
    ]
    inputs = [helper.make_tensor_value_info("images", TensorProto.FLOAT, ["batch", 3, "height", "width"])]
    outputs = [
        helper.make_tensor_value_info("output", TensorProto.FLOAT, ["batch", 16, "height", "width"]),
        helper.make_tensor_value_info("sides", TensorProto.INT64, [4]),
    ]
    tensors = [numpy_helper.from_array(value.astype(np.float32), name) for name, value in constants.items()]
    made = helper.make_graph(nodes, "beside", inputs, outputs, tensors)
    return helper.make_model(made, opset_imports=[helper.make_opsetid("", 17)], ir_version=9)
