"""Logistic regression for classes, ridge regression for values."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from pydantic import Field

from training.tabular.algorithms.protocol import Algorithm, AlgorithmParams, Fitted, Fitting
from training.tabular.export.graph import Graph
from training.tabular.plans import Plan


class LinearParams(AlgorithmParams):
    """Parameters of a linear model."""

    strength: float = Field(
        default=1.0,
        ge=1e-6,
        le=1e6,
        description="Inverse of the L2 penalty, no unit: smaller keeps the weights smaller.",
    )
    iterations: int = Field(default=500, ge=10, le=10_000, description="At most so many steps of the optimiser.")


@dataclass(frozen=True)
class Linear(Fitted):
    """Weights features x outputs; with classes, a softmax follows."""

    weights: np.ndarray
    bias: np.ndarray
    classes: int

    def predict(self, features: np.ndarray) -> np.ndarray:
        """See `Fitted`."""
        scores = features @ self.weights + self.bias
        return softmax(scores) if self.classes else scores

    def add(self, graph: Graph, features: str) -> str:
        """See `Fitted`."""
        scores = graph.affine(features, self.weights, self.bias)
        return graph.op("Softmax", scores, axis=1) if self.classes else scores


def softmax(scores: np.ndarray) -> np.ndarray:
    """Rows that add up to 1."""
    powers = np.exp(scores - scores.max(1, keepdims=True))
    return np.asarray(powers / powers.sum(1, keepdims=True))


def logistic(features: np.ndarray, targets: np.ndarray, strength: float, iterations: int) -> Linear:
    """A logistic regression; of two classes the first has the score 0."""
    from sklearn.linear_model import LogisticRegression

    model = LogisticRegression(C=strength, max_iter=iterations).fit(features, targets)
    weights, bias = model.coef_.T, model.intercept_
    if weights.shape[1] == 1:
        weights, bias = np.hstack([np.zeros_like(weights), weights]), np.array([0.0, bias[0]])
    return Linear(weights, bias, len(bias))


class LinearAlgorithm(Algorithm):
    """A weighted sum of the columns."""

    NAME = "linear"
    TITLE = "Logistic or linear regression"
    DESCRIPTION = "A weighted sum of the columns: quick, hard to overfit, and blind to how columns work together."
    PLAN = Plan.SCALED
    Params = LinearParams

    def fit(self, features: np.ndarray, targets: np.ndarray, params: LinearParams, fitting: Fitting) -> Fitted:
        """See `Algorithm`."""
        if fitting.classes:
            return logistic(features, targets, params.strength, params.iterations)
        from sklearn.linear_model import Ridge

        model = Ridge(alpha=1.0 / params.strength).fit(features, targets)
        return Linear(model.coef_.reshape(-1, 1), np.array([model.intercept_]), 0)
