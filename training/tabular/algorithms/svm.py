"""Support vector machines with a radial kernel; probabilities by a logistic regression on what they decide."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
from pydantic import Field

from training.tabular.algorithms.linear import Linear, logistic
from training.tabular.algorithms.protocol import Algorithm, AlgorithmParams, Fitted, Fitting
from training.tabular.export.distances import ROWS_AT_ONCE, add_squared_distances, squared_distances
from training.tabular.export.graph import Graph
from training.tabular.plans import Plan

_FOLDS = 3


class SvmParams(AlgorithmParams):
    """Parameters of a support vector machine."""

    cost: float = Field(default=1.0, ge=1e-3, le=1e4, description="Price of a row on the wrong side, no unit.")
    width: float = Field(
        default=1.0, ge=1e-3, le=1e3, description="Of the kernel: 1 is one by the number of columns, more is smoother."
    )


@dataclass(frozen=True)
class Kernel(Fitted):
    """`exp(-gamma |x - v|²) @ weights + bias`, then what makes probabilities of it.

    Attributes:
        weights: float64, support vectors x decisions: one for each pair of classes, or one value.
    """

    vectors: np.ndarray
    gamma: float
    weights: np.ndarray
    bias: np.ndarray
    last: Linear | None = None

    def decide(self, features: np.ndarray) -> np.ndarray:
        """float64, rows x decisions."""
        parts = [features[at : at + ROWS_AT_ONCE] for at in range(0, len(features), ROWS_AT_ONCE)]
        kernels = (np.exp(-self.gamma * squared_distances(part, self.vectors)) for part in parts)
        return np.concatenate([kernel @ self.weights + self.bias for kernel in kernels])

    def predict(self, features: np.ndarray) -> np.ndarray:
        """See `Fitted`."""
        decisions = self.decide(features)
        return self.last.predict(decisions) if self.last else decisions

    def add(self, graph: Graph, features: str) -> str:
        """See `Fitted`."""
        distances = add_squared_distances(graph, features, self.vectors)
        kernel = graph.op("Exp", graph.op("Mul", distances, graph.doubles(-self.gamma)))
        decisions = graph.affine(kernel, self.weights, self.bias)
        return self.last.add(graph, decisions) if self.last else decisions


class SvmAlgorithm(Algorithm):
    """A border with as much room on both sides as there can be."""

    NAME = "svm"
    TITLE = "Support vector machine"
    DESCRIPTION = "A smooth border with the widest margin: good for hundreds to thousands of rows with numbers."
    PLAN = Plan.SCALED
    Params = SvmParams
    MOST_ROWS = 10_000

    def fit(self, features: np.ndarray, targets: np.ndarray, params: SvmParams, fitting: Fitting) -> Fitted:
        """See `Algorithm`; the logistic regression learns from rows that the machine had not seen.

        So are scores made probabilities in "Probabilistic Outputs for Support Vector Machines" (Platt, 1999).
        """
        gamma = 1.0 / (params.width * max(1, features.shape[1]))
        if not fitting.classes:
            return _fit_values(features, targets, params.cost, gamma)
        machine = _fit_classes(features, targets, params.cost, gamma)
        decisions = _unseen_decisions(features, targets, params.cost, gamma, machine, fitting)
        last = logistic(decisions, targets, 1.0, 500)
        return Kernel(machine.vectors, gamma, machine.weights, machine.bias, last)


def _fit_values(features: np.ndarray, targets: np.ndarray, cost: float, gamma: float) -> Kernel:
    from sklearn.svm import SVR

    mean, spread = targets.mean(), targets.std() or 1.0
    model = SVR(C=cost, gamma=gamma).fit(features, (targets - mean) / spread)
    weights, bias = model.dual_coef_.T * spread, model.intercept_ * spread + mean
    return Kernel(model.support_vectors_, gamma, weights, bias)


def _fit_classes(features: np.ndarray, targets: np.ndarray, cost: float, gamma: float) -> Kernel:
    from sklearn.svm import SVC

    model = SVC(C=cost, gamma=gamma, decision_function_shape="ovo").fit(features, targets)
    return Kernel(model.support_vectors_, gamma, _pair_weights(model), model.intercept_)


def _pair_weights(model: Any) -> np.ndarray:
    """Weights of the support vectors in the decision between each pair of classes.

    In libsvm the coefficients of class i against class j stand in row j - 1 when i < j, else in row j.
    """
    classes = len(model.n_support_)
    if classes == 2:
        return np.asarray(model.dual_coef_.T)
    ends = np.cumsum(model.n_support_)
    spans = [slice(end - count, end) for end, count in zip(ends, model.n_support_, strict=True)]
    pairs = [(i, j) for i in range(classes) for j in range(i + 1, classes)]
    weights = np.zeros((len(model.support_vectors_), len(pairs)))
    for column, (i, j) in enumerate(pairs):
        weights[spans[i], column] = model.dual_coef_[j - 1, spans[i]]
        weights[spans[j], column] = model.dual_coef_[i, spans[j]]
    return weights


def _unseen_decisions(
    features: np.ndarray, targets: np.ndarray, cost: float, gamma: float, machine: Kernel, fitting: Fitting
) -> np.ndarray:
    """Decisions for each row by a machine that has not seen it, where every class has enough rows for that."""
    if np.bincount(targets).min() < _FOLDS:
        return machine.decide(features)
    from sklearn.model_selection import StratifiedKFold

    decisions = np.zeros((len(targets), machine.weights.shape[1]))
    for seen, unseen in StratifiedKFold(_FOLDS, shuffle=True, random_state=fitting.seed).split(features, targets):
        decisions[unseen] = _fit_classes(features[seen], targets[seen], cost, gamma).decide(features[unseen])
    return decisions
