"""Multilayer perceptrons."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Literal

import numpy as np
from pydantic import Field

from training.tabular.algorithms.linear import softmax
from training.tabular.algorithms.protocol import Algorithm, AlgorithmParams, Fitted, Fitting
from training.tabular.export.graph import Graph
from training.tabular.plans import Plan

# With few rows the whole of them fits into one step of a second-order method, which needs no learning rate.
_FEW_ROWS = 3_000


class PerceptronParams(AlgorithmParams):
    """Parameters of a multilayer perceptron."""

    neurons: int = Field(default=64, ge=2, le=1_024, description="Of each hidden layer.")
    layers: int = Field(default=1, ge=1, le=4, description="Hidden layers.")
    penalty: float = Field(default=1.0, ge=0.0, le=1e3, description="L2 penalty of the weights, no unit.")
    iterations: int = Field(default=300, ge=10, le=5_000, description="At most so many passes over the rows.")
    activation: Literal["tanh", "relu"] = Field(default="tanh", description="What a neuron makes of its sum.")


@dataclass(frozen=True)
class Perceptron(Fitted):
    """Layers, each weights and bias; with classes, a softmax follows."""

    layers: tuple[tuple[np.ndarray, np.ndarray], ...]
    activation: str
    classes: int

    def predict(self, features: np.ndarray) -> np.ndarray:
        """See `Fitted`."""
        for weights, bias in self.layers[:-1]:
            sums = features @ weights + bias
            features = np.tanh(sums) if self.activation == "tanh" else np.maximum(sums, 0.0)
        weights, bias = self.layers[-1]
        outputs = features @ weights + bias
        return softmax(outputs) if self.classes else outputs

    def add(self, graph: Graph, features: str) -> str:
        """See `Fitted`."""
        for weights, bias in self.layers[:-1]:
            features = graph.op(self.activation.capitalize(), graph.affine(features, weights, bias))
        outputs = graph.affine(features, *self.layers[-1])
        return graph.op("Softmax", outputs, axis=1) if self.classes else outputs


class PerceptronAlgorithm(Algorithm):
    """A small neural network."""

    NAME = "perceptron"
    TITLE = "Multilayer perceptron"
    DESCRIPTION = "A small neural network: smooth answers, good for hundreds to thousands of rows with numbers."
    PLAN = Plan.SCALED
    Params = PerceptronParams
    MOST_ROWS = 200_000

    def fit(self, features: np.ndarray, targets: np.ndarray, params: PerceptronParams, fitting: Fitting) -> Fitted:
        """See `Algorithm`."""
        from sklearn.neural_network import MLPClassifier, MLPRegressor

        few = len(features) <= _FEW_ROWS
        mean, spread = (0.0, 1.0) if fitting.classes else (targets.mean(), targets.std() or 1.0)
        kind = MLPClassifier if fitting.classes else MLPRegressor
        model = kind(
            hidden_layer_sizes=(params.neurons,) * params.layers,
            activation=params.activation,
            alpha=params.penalty,
            solver="lbfgs" if few else "adam",
            max_iter=params.iterations,
            early_stopping=not few,
            random_state=fitting.seed,
        )
        model.fit(features, targets if fitting.classes else (targets - mean) / spread)
        return Perceptron(_layers(model, mean, spread), params.activation, fitting.classes)


def _layers(model: Any, mean: float, spread: float) -> tuple[tuple[np.ndarray, np.ndarray], ...]:
    """Weights and biases, the last in units of the target; of two classes the first has the score 0."""
    layers = list(zip(model.coefs_, model.intercepts_, strict=True))
    weights, bias = layers[-1]
    if model.out_activation_ == "logistic":
        weights, bias = np.hstack([np.zeros_like(weights), weights]), np.array([0.0, bias[0]])
    layers[-1] = (weights * spread, bias * spread + mean)
    return tuple(layers)
