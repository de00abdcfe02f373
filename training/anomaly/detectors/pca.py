"""Principal components: Hotelling's T² within those that are kept, Q beside them, as one index.

T² and Q (the squared prediction error of Jackson and Mudholkar, 1979) are each divided by its usual value and added up,
as in the combined index of Yue and Qin (2001). Both are quadratic forms, so their sum is one, and what a sensor adds
to it is its part of the sum.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from pydantic import Field

from training.anomaly.detectors.protocol import Detector, DetectorParams, Fitted, Fitting, Scores
from training.anomaly.features import add_by_sensor, add_features, by_sensor, features
from training.anomaly.graph import SeriesGraph
from training.anomaly.standard import Standard

# Directions in which nothing varied in training are taken to vary by this part of a usual one.
_LEAST_VARIANCE = 0.05


class PcaParams(DetectorParams):
    """Parameters of principal components."""

    variance: float = Field(
        default=0.9, ge=0.3, le=1.0, description="Part of the variance that the components that are kept explain."
    )
    drift: float = Field(
        default=0.0, ge=0.0, le=5.0, description="Allowance for drift, in ways that levels moved while training."
    )


@dataclass(frozen=True)
class Quadratic(Fitted):
    """The root of a quadratic form of the deviations; `matrix` is float64 [features, features]."""

    standard: Standard
    matrix: np.ndarray
    sensors: int

    def score(self, windows: np.ndarray) -> Scores:
        """See `Fitted`."""
        deviations = self.standard.apply(features(windows))
        terms = deviations * (deviations @ self.matrix)
        return np.sqrt(np.maximum(terms.sum(1), 0.0)), by_sensor(np.maximum(terms, 0.0), self.sensors)

    def add(self, graph: SeriesGraph, windows: str, window: int) -> tuple[str, str]:
        """See `Fitted`."""
        deviations = self.standard.add(graph, add_features(graph, windows, window))
        terms = graph.times(deviations, graph.op("MatMul", deviations, graph.doubles(self.matrix)))
        total = graph.op("Max", graph.reduce("ReduceSum", terms, [1]), graph.doubles(0.0))
        parts = graph.op("Max", terms, graph.doubles(0.0))
        return graph.op("Sqrt", total), add_by_sensor(graph, parts, self.sensors)


class PcaDetector(Detector):
    """Sensors that no longer move together as they did."""

    NAME = "pca"
    TITLE = "Principal components (T² and Q)"
    DESCRIPTION = "Learns how sensors move together, and sees both unusual states and broken relations."
    Params = PcaParams

    def fit(self, windows: np.ndarray, params: PcaParams, fitting: Fitting) -> Fitted:
        """See `Detector`."""
        rows = features(windows)
        standard = Standard.fit(rows, params.drift, fitting.robust)
        deviations = standard.apply(rows)
        deviations = deviations - deviations.mean(0)
        variances, vectors = np.linalg.eigh(deviations.T @ deviations / len(deviations))
        variances, vectors = np.maximum(variances[::-1], 0.0), vectors[:, ::-1]
        explained = np.cumsum(variances) / max(variances.sum(), 1e-12)
        kept = min(int(np.searchsorted(explained, params.variance - 1e-9)) + 1, len(variances))
        inner = vectors[:, :kept] / np.maximum(variances[:kept], _LEAST_VARIANCE)
        matrix = inner @ vectors[:, :kept].T / kept
        if kept < len(variances):
            outer = vectors[:, kept:]
            matrix = matrix + outer @ outer.T / max(float(variances[kept:].sum()), _LEAST_VARIANCE)
        return Quadratic(standard, matrix, windows.shape[2])
