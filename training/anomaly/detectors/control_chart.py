"""A control chart of each sensor: how far its mean and its restlessness are from the usual, in deviations."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

import numpy as np
from pydantic import Field

from training.anomaly.detectors.protocol import Detector, DetectorParams, Fitted, Fitting, Scores
from training.anomaly.features import add_by_sensor, add_features, by_sensor, features
from training.anomaly.graph import SeriesGraph
from training.anomaly.standard import Standard


class ControlChartParams(DetectorParams):
    """Parameters of a control chart."""

    combine: Literal["largest", "mean"] = Field(
        default="largest", description="Whether the oddest sensor alone makes the score, or all of them do."
    )
    drift: float = Field(
        default=0.0, ge=0.0, le=5.0, description="Allowance for drift, in ways that levels moved while training."
    )


@dataclass(frozen=True)
class ControlChart(Fitted):
    """Limits of all sensors."""

    standard: Standard
    largest: bool
    sensors: int

    def score(self, windows: np.ndarray) -> Scores:
        """See `Fitted`."""
        squares = self.standard.apply(features(windows)) ** 2
        total = squares.max(1) if self.largest else squares.mean(1)
        return np.sqrt(total), by_sensor(squares, self.sensors)

    def add(self, graph: SeriesGraph, windows: str, window: int) -> tuple[str, str]:
        """See `Fitted`."""
        deviations = self.standard.add(graph, add_features(graph, windows, window))
        squares = graph.times(deviations, deviations)
        total = graph.reduce("ReduceMax" if self.largest else "ReduceMean", squares, [1])
        return graph.op("Sqrt", total), add_by_sensor(graph, squares, self.sensors)


class ControlChartDetector(Detector):
    """Each sensor against its own limits."""

    NAME = "control_chart"
    TITLE = "Control chart"
    DESCRIPTION = "Each sensor against its own usual level and restlessness: the plainest, and easy to explain."
    Params = ControlChartParams

    def fit(self, windows: np.ndarray, params: ControlChartParams, fitting: Fitting) -> Fitted:
        """See `Detector`."""
        standard = Standard.fit(features(windows), params.drift, fitting.robust)
        return ControlChart(standard, params.combine == "largest", windows.shape[2])
