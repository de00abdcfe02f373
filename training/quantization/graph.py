"""An ONNX graph in int8: which of its nodes change, which stay in float32, and making it."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from pathlib import Path

import numpy as np
import onnx
from onnxruntime.quantization import CalibrationDataReader, CalibrationMethod, QuantType, quantize_static

CALIBRATION = "the smallest and the largest value that each tensor takes"
_WEIGHTED = frozenset({"Conv", "ConvTranspose", "Gemm", "MatMul"})


class _Inputs(CalibrationDataReader):
    def __init__(self, name: str, inputs: Iterator[np.ndarray]):
        self._name = name
        self._inputs = inputs

    def get_next(self) -> dict[str, np.ndarray] | None:
        values = next(self._inputs, None)
        return None if values is None else {self._name: values}


def quantize_graph(source: Path, target: Path, inputs: Iterator[np.ndarray]) -> None:
    """Write a model in int8: weights by channel, from -127 to 127; what flows between nodes from 0 to 255.

    Unsigned values are what the int8 instructions of x86 processors take: signed ones gave the same answers in three
    times the time. Ranges cut at a percentile, or chosen by entropy, were no better than the whole range.

    Args:
        inputs: of the model's one input; each decides on the ranges.
    """
    quantize_static(
        str(source),
        str(target),
        _Inputs(onnx.load(source).graph.input[0].name, inputs),
        per_channel=True,
        reduce_range=True,
        activation_type=QuantType.QUInt8,
        weight_type=QuantType.QInt8,
        calibrate_method=CalibrationMethod.MinMax,
        nodes_to_exclude=float_nodes(onnx.load(source).graph),
    )
    model = onnx.load(target)
    used = {node.domain for node in model.graph.node}
    kept = [opset for opset in model.opset_import if opset.domain in used]
    del model.opset_import[:], model.metadata_props[:]
    model.opset_import.extend(kept)
    onnx.checker.check_model(model, full_check=True)
    onnx.save(model, target)


def float_nodes(graph: onnx.GraphProto) -> list[str]:
    """Names of the nodes before the first and after the last layer with weights.

    They turn pixels into numbers, and numbers into an answer. That takes no time to speak of, and the answer of a
    detector has pixels and confidences side by side: with 256 steps from 0 to 640 no confidence is left of it.
    """
    of_weights = [node for node in graph.node if node.op_type in _WEIGHTED]
    behind = _reached(graph.node, (name for node in of_weights for name in node.output))
    backwards = [onnx.NodeProto(input=node.output, output=node.input) for node in reversed(graph.node)]
    ahead = _reached(backwards, (name for node in of_weights for name in node.input))
    between = behind & ahead
    outside = (node for node in graph.node if not between & {*node.output})
    return [node.name for node in outside if node.op_type not in _WEIGHTED]


def _reached(nodes: Iterable[onnx.NodeProto], start: Iterable[str]) -> set[str]:
    """Tensors that come of these, over nodes in the order in which they are computed."""
    found = set(start)
    for node in nodes:
        if found & {*node.input}:
            found |= {name for name in node.output if name}
    return found
