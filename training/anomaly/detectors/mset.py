"""Similarity to remembered states, as in the multivariate state estimation technique (Singer and others, 1997).

A row is estimated as a mixture of remembered rows, weighted by how alike they are; what the mixture cannot make is odd.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from pydantic import Field

from training.anomaly.detectors.protocol import Detector, DetectorParams, Fitted, Fitting, Scores
from training.anomaly.features import add_by_sensor, add_features, by_sensor, features
from training.anomaly.graph import SeriesGraph
from training.anomaly.standard import Standard
from training.tabular.export.distances import add_squared_distances, squared_distances

_LEAST_ERROR = 0.05
_LEAST_WEIGHT = 0.1


class MsetParams(DetectorParams):
    """Parameters of similarity to remembered states."""

    memory: int = Field(default=100, ge=10, le=1_000, description="Rows that are remembered.")
    ridge: float = Field(
        default=0.1, ge=1e-4, le=10.0, description="How much the mixture is held back: more is smoother."
    )
    drift: float = Field(
        default=0.0, ge=0.0, le=5.0, description="Allowance for drift, in ways that levels moved while training."
    )


@dataclass(frozen=True)
class Mset(Fitted):
    """Remembered rows float64 [m, features], what makes weights of similarities [m, m], and usual errors [features]."""

    standard: Standard
    memory: np.ndarray
    weights: np.ndarray
    width: float
    errors: np.ndarray
    sensors: int

    def score(self, windows: np.ndarray) -> Scores:
        """See `Fitted`."""
        deviations = self.standard.apply(features(windows))
        squares = ((deviations - self.estimate(deviations)) / self.errors) ** 2
        return np.sqrt(squares.mean(1)), by_sensor(squares, self.sensors)

    def estimate(self, deviations: np.ndarray) -> np.ndarray:
        """What remembered rows make of these, float64 [n, features]."""
        similar = 1.0 / (1.0 + squared_distances(deviations, self.memory) / self.width)
        weights = similar @ self.weights
        total = np.maximum(np.abs(weights.sum(1, keepdims=True)), _LEAST_WEIGHT)
        return np.asarray((weights / total) @ self.memory)

    def add(self, graph: SeriesGraph, windows: str, window: int) -> tuple[str, str]:
        """See `Fitted`."""
        deviations = self.standard.add(graph, add_features(graph, windows, window))
        far = graph.over(add_squared_distances(graph, deviations, self.memory), self.width)
        similar = graph.op("Reciprocal", graph.plus(far, 1.0))
        weights = graph.op("MatMul", similar, graph.doubles(self.weights))
        total = graph.op("Abs", graph.reduce("ReduceSum", weights, [1], keep=True))
        shares = graph.over(weights, graph.op("Max", total, graph.doubles(_LEAST_WEIGHT)))
        estimate = graph.op("MatMul", shares, graph.doubles(self.memory))
        errors = graph.over(graph.minus(deviations, estimate), self.errors)
        squares = graph.times(errors, errors)
        score = graph.op("Sqrt", graph.reduce("ReduceMean", squares, [1]))
        return score, add_by_sensor(graph, squares, self.sensors)


class MsetDetector(Detector):
    """What remembered states cannot make up."""

    NAME = "mset"
    TITLE = "Similarity to remembered states"
    DESCRIPTION = "Makes each row up of states it remembers, as power plants do; what it cannot make up is odd."
    Params = MsetParams

    def fit(self, windows: np.ndarray, params: MsetParams, fitting: Fitting) -> Fitted:
        """See `Detector`."""
        rows = features(windows)
        standard = Standard.fit(rows, params.drift, fitting.robust)
        deviations = standard.apply(rows)
        memory = deviations[_remembered(deviations, params.memory)]
        distances = squared_distances(memory, memory)
        width = max(float(np.median(distances)), 1e-3)
        similar = 1.0 / (1.0 + distances / width)
        weights = np.linalg.inv(similar + params.ridge * np.eye(len(memory)))
        model = Mset(standard, memory, weights, width, np.ones(memory.shape[1]), windows.shape[2])
        errors = np.maximum((deviations - model.estimate(deviations)).std(0), _LEAST_ERROR)
        return Mset(standard, memory, weights, width, errors, windows.shape[2])


def _remembered(rows: np.ndarray, count: int) -> np.ndarray:
    """The rows with the extremes of each feature, and for the rest some of all sizes."""
    if len(rows) <= count:
        return np.arange(len(rows))
    extremes = np.unique(np.concatenate([rows.argmin(0), rows.argmax(0)]))[: count // 2]
    order = np.argsort(np.linalg.norm(rows, axis=1), kind="stable")
    even = order[np.linspace(0, len(rows) - 1, count - len(extremes)).astype(int)]
    return np.unique(np.concatenate([extremes, even]))
