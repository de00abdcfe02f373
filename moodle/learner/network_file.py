"""A network as an ONNX file; its operators work in double precision, as the fit did."""

from __future__ import annotations

from typing import Any

import numpy as np
import onnx
from onnx import TensorProto, helper, numpy_helper

from moodle.learner.member import INPUT, IR, ML_OPSET, OPSET, OUTPUT
from moodle.learner.network import FAR, Network


class _Graph:
    """Nodes in a row, each fed by the one before."""

    def __init__(self, start: str):
        self.nodes: list[onnx.NodeProto] = []
        self.constants: list[onnx.TensorProto] = []
        self.last = start

    def add(self, operator: str, *values: np.ndarray, **attributes: Any) -> str:
        """A node with constants as its further inputs; gives the name of what it makes."""
        names = [f"c{len(self.constants) + place}" for place in range(len(values))]
        self.constants += [numpy_helper.from_array(v, name) for v, name in zip(values, names, strict=True)]
        made = f"n{len(self.nodes)}"
        self.nodes.append(helper.make_node(operator, [self.last, *names], [made], **attributes))
        self.last = made
        return made


def network_file(network: Network) -> bytes:
    """The file; see `Member.onnx`."""
    scaling, graph = network.scaling, _Graph(INPUT)
    graph.add("Gather", scaling.columns, axis=1)
    graph.add("Cast", to=TensorProto.DOUBLE)
    graph.add("Sub", scaling.centre)
    graph.add("Mul", scaling.factor)
    graph.add("Clip", np.array(-FAR), np.array(FAR))
    for layer in network.layers[:-1]:
        graph.add("MatMul", layer.weights)
        graph.add("Add", layer.bias)
        graph.add("Tanh")
    graph.add("MatMul", network.layers[-1].weights)
    graph.add("Add", network.layers[-1].bias)
    if network.layers[-1].bias.shape[0] == 1:
        # Of the log-odds z, the logits 0 and z have the same odds.
        graph.add("MatMul", np.array([[0.0, 1.0]]))
    graph.add("Softmax", axis=1)
    graph.nodes.append(helper.make_node("Cast", [graph.last], [OUTPUT], to=TensorProto.FLOAT))
    return finished(graph.nodes, graph.constants)


def finished(nodes: list[onnx.NodeProto], constants: list[onnx.TensorProto]) -> bytes:
    """A whole file of nodes that lead from features to probabilities."""
    graph = helper.make_graph(
        nodes,
        "moodle",
        [helper.make_tensor_value_info(INPUT, TensorProto.FLOAT, [None, None])],
        [helper.make_tensor_value_info(OUTPUT, TensorProto.FLOAT, [None, None])],
        constants,
    )
    opsets = [helper.make_opsetid("", OPSET), helper.make_opsetid("ai.onnx.ml", ML_OPSET)]
    model = helper.make_model(graph, opset_imports=opsets, producer_name="diyml")
    model.ir_version = IR
    onnx.checker.check_model(model)
    return model.SerializeToString()
