"""What was fitted as an ONNX file, by the exporter of tables; all of it works in double precision, as the fit did."""

from __future__ import annotations

import numpy as np
import onnx
from onnx import TensorProto, helper

from moodle.learner.boosting import Boosting
from moodle.learner.member import INPUT, OUTPUT
from moodle.learner.network import FAR, Network
from training.tabular.algorithms.boosting import Boosted
from training.tabular.algorithms.perceptron import Perceptron
from training.tabular.export.graph import Graph


def boosting_file(boosting: Boosting) -> bytes:
    """The file; see `Member.onnx`. Features are float32 and thresholds doubles, as in scikit-learn."""
    graph = Graph()
    chosen = graph.cast(graph.columns(INPUT, boosting.columns))
    return _finished(graph, Boosted(boosting.model, len(boosting.model.classes_)).add(graph, chosen))


def network_file(network: Network) -> bytes:
    """The file; see `Member.onnx`."""
    scaling, graph = network.scaling, Graph()
    chosen = graph.cast(graph.columns(INPUT, scaling.columns))
    scaled = graph.op("Mul", graph.op("Sub", chosen, graph.doubles(scaling.centre)), graph.doubles(scaling.factor))
    cut = graph.op("Min", graph.op("Max", scaled, graph.doubles([-FAR])), graph.doubles([FAR]))
    layers = [(layer.weights, layer.bias) for layer in network.layers]
    weights, bias = layers[-1]
    if len(bias) == 1:
        # Of the log-odds z, the logits 0 and z have the same odds.
        layers[-1] = np.hstack([np.zeros_like(weights), weights]), np.array([0.0, bias[0]])
    return _finished(graph, Perceptron(tuple(layers), network.activation, len(layers[-1][1])).add(graph, cut))


def _finished(graph: Graph, probabilities: str) -> bytes:
    features = helper.make_tensor_value_info(INPUT, TensorProto.FLOAT, [None, None])
    output = helper.make_tensor_value_info(OUTPUT, TensorProto.FLOAT, [None, None])
    model = graph.finished("moodle", [features], probabilities, output)
    onnx.checker.check_model(model)
    return model.SerializeToString()
