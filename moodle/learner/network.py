"""Small networks: the linear model and the multilayer perceptron, with the scaling before them, in double precision."""

from __future__ import annotations

import warnings
from dataclasses import dataclass, replace
from typing import Literal

import numpy as np
from numpy.typing import NDArray

from moodle.learner.member import Features, Probabilities, as_two

Doubles = NDArray[np.float64]
Activation = Literal["tanh", "relu"]
# A value further from the mean than this says no more than "far out"; so 1e30 moves nothing else.
FAR = 5.0
_PENALTY, _PENALTY_A_COLUMN, _FREE_COLUMNS, _MOST_PENALTY = 0.3, 0.5, 4, 100.0


@dataclass(frozen=True)
class Scaling:
    """What is done to a row first: columns chosen, centred, brought to one spread, and cut at `FAR` spreads.

    Attributes:
        columns: places of those that vary.
        centre, factor: float64 [columns chosen].
    """

    columns: NDArray[np.int64]
    centre: Doubles
    factor: Doubles

    @classmethod
    def of(cls, features: Features, weights: Doubles) -> Scaling:
        """Fitted on rows, of which each counts `weights` times."""
        columns = np.flatnonzero(features.min(axis=0) != features.max(axis=0))
        chosen = features[:, columns].astype(np.float64)
        centre = np.average(chosen, axis=0, weights=weights) if len(columns) else np.zeros(0)
        chosen -= centre
        with np.errstate(under="ignore"):
            np.square(chosen, out=chosen)
            spread = np.sqrt(np.average(chosen, axis=0, weights=weights)) if len(columns) else centre
        usable = spread > 0  # the square of what is smaller than 1e-154 is nothing
        spread = np.where(usable, spread, 1.0)
        return cls(columns.astype(np.int64), centre, 1.0 / spread)

    def apply(self, features: Features) -> Doubles:
        """Scaled rows, float64 [rows, columns chosen]."""
        scaled = features[:, self.columns].astype(np.float64)
        scaled -= self.centre
        scaled *= self.factor
        return np.clip(scaled, -FAR, FAR, out=scaled)


@dataclass(frozen=True)
class Layer:
    """`weights` is float64 [from, to], `bias` [to]."""

    weights: Doubles
    bias: Doubles


@dataclass(frozen=True)
class Network:
    """A scaling and layers, the last of which gives the log-odds of the second of two classes, or a logit a class.

    Attributes:
        activation: what stands between the layers.
    """

    kind: str
    scaling: Scaling
    layers: tuple[Layer, ...]
    activation: Activation = "tanh"

    def predict(self, features: Features) -> Probabilities:
        """See `Member.predict`."""
        values = self.scaling.apply(features)
        for layer in self.layers[:-1]:
            sums = values @ layer.weights + layer.bias
            values = np.tanh(sums) if self.activation == "tanh" else np.maximum(sums, 0.0)
        logits = values @ self.layers[-1].weights + self.layers[-1].bias
        if logits.shape[1] == 1:
            return as_two(0.5 * (1.0 + np.tanh(0.5 * logits[:, 0])))
        odds = np.exp(logits - logits.max(axis=1, keepdims=True))
        return odds / odds.sum(axis=1, keepdims=True)

    def tilted(self, by: Doubles) -> Network:
        """See `Member.tilted`."""
        *before, last = self.layers
        bias = last.bias + (by[1:] - by[:1] if len(last.bias) < len(by) else by)
        return replace(self, layers=(*before, Layer(last.weights, bias)))

    def onnx(self) -> bytes:
        """See `Member.onnx`."""
        from moodle.learner.file import network_file

        return network_file(self)


def constant(shares: Doubles) -> Network:
    """What is left when no column varies: the share of each class, whatever the row."""
    scaling = Scaling(np.zeros(0, np.int64), np.zeros(0), np.zeros(0))
    logits = np.log(np.maximum(shares, 1e-9))
    logits = logits[1:] - logits[:1] if len(shares) == 2 else logits
    return Network("constant", scaling, (Layer(np.zeros((0, len(logits))), logits),))


def fit_linear(features: Features, target: NDArray[np.int64], weights: Doubles, strength: float = 1.0) -> Network:
    """Logistic regression with an L2 penalty."""
    from sklearn.linear_model import LogisticRegression

    scaling = Scaling.of(features, weights)
    if not len(scaling.columns):
        return constant(np.bincount(target, weights) / weights.sum())
    model = LogisticRegression(C=strength, max_iter=500)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # a fit that is cut off is still one
        model.fit(scaling.apply(features), target, sample_weight=weights)
    return Network("linear", scaling, (Layer(model.coef_.T.astype(np.float64), model.intercept_.astype(np.float64)),))


@dataclass(frozen=True)
class Shape:
    """How a perceptron is made: neurons of each hidden layer, what they make of their sums, and steps of the fit."""

    hidden: tuple[int, ...] = (16,)
    activation: Activation = "tanh"
    steps: int = 200


def fit_perceptron(
    features: Features, target: NDArray[np.int64], weights: Doubles, seed: int, shape: Shape = Shape()
) -> Network:
    """A multilayer perceptron, by L-BFGS.

    The more columns there are, the less each may weigh: without that, a hundred indicators are learned by heart.
    """
    from sklearn.neural_network import MLPClassifier

    scaling = Scaling.of(features, weights)
    if not len(scaling.columns):
        return constant(np.bincount(target, weights) / weights.sum())
    penalty = min(_MOST_PENALTY, max(_PENALTY, _PENALTY_A_COLUMN * (len(scaling.columns) - _FREE_COLUMNS)))
    model = MLPClassifier(
        shape.hidden,
        activation=shape.activation,
        solver="lbfgs",
        alpha=penalty,
        max_iter=shape.steps,
        random_state=seed,
    )
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        model.fit(scaling.apply(features), target, sample_weight=weights)
    layers = tuple(Layer(matrix, bias) for matrix, bias in zip(model.coefs_, model.intercepts_, strict=True))
    return Network("perceptron", scaling, layers, shape.activation)
