"""Forecasting: each row is predicted from those before it, and what comes otherwise, again and again, is odd.

A linear autoregression of all sensors on all, fitted by scikit-learn's ridge regression. statsmodels' VAR fits the same
equations without a penalty, which with few hundred rows and tens of lagged sensors is too free, and it would be one
more library to keep.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from pydantic import Field

from training.anomaly.detectors.protocol import Detector, DetectorParams, Fitted, Fitting, Scores
from training.anomaly.features import add_by_sensor, by_sensor
from training.anomaly.graph import SeriesGraph
from training.anomaly.standard import Standard


class ForecastParams(DetectorParams):
    """Parameters of forecasting."""

    lags: int = Field(default=3, ge=1, le=20, description="Rows before it that a row is predicted from.")
    ridge: float = Field(default=10.0, ge=1e-3, le=1e5, description="Penalty of the weights: more is smoother.")


@dataclass(frozen=True)
class Forecast(Fitted):
    """Weights float64 [lags, sensors, sensors], the oldest row first; a constant; and the usual errors."""

    weights: np.ndarray
    bias: np.ndarray
    standard: Standard

    def errors(self, windows: np.ndarray) -> np.ndarray:
        """Of the rows of each window that have enough before them: mean error, and mean absolute error."""
        errors = self._errors(windows)
        return np.concatenate([errors.mean(1), np.abs(errors).mean(1)], 1)

    def score(self, windows: np.ndarray) -> Scores:
        """See `Fitted`."""
        squares = self.standard.apply(self.errors(windows)) ** 2
        return np.sqrt(squares.mean(1)), by_sensor(squares, windows.shape[2])

    def add(self, graph: SeriesGraph, windows: str, window: int) -> tuple[str, str]:
        """See `Fitted`."""
        lags, sensors = len(self.weights), len(self.bias)
        forecast = graph.doubles(self.bias)
        for lag, weights in enumerate(self.weights):
            rows = graph.rows(windows, lag, window - lags + lag)
            forecast = graph.plus(graph.op("MatMul", rows, graph.doubles(weights)), forecast)
        errors = graph.minus(graph.rows(windows, lags, 0), forecast)
        mean = graph.reduce("ReduceMean", errors, [1])
        size = graph.reduce("ReduceMean", graph.op("Abs", errors), [1])
        deviations = self.standard.add(graph, graph.op("Concat", mean, size, axis=1))
        squares = graph.times(deviations, deviations)
        score = graph.op("Sqrt", graph.reduce("ReduceMean", squares, [1]))
        return score, add_by_sensor(graph, squares, sensors)

    def _errors(self, windows: np.ndarray) -> np.ndarray:
        lags, rows = len(self.weights), windows.shape[1]
        forecast = sum(windows[:, lag : rows - lags + lag] @ weights for lag, weights in enumerate(self.weights))
        return np.asarray(windows[:, lags:] - (forecast + self.bias))


class ForecastDetector(Detector):
    """What comes otherwise than the rows before it said."""

    NAME = "forecast"
    TITLE = "Forecasting"
    DESCRIPTION = "Predicts each row from those before it; what comes otherwise is odd. For readings with a rhythm."
    Params = ForecastParams
    SMALLEST_WINDOW = 4

    def fit(self, windows: np.ndarray, params: ForecastParams, fitting: Fitting) -> Fitted:
        """See `Detector`."""
        from sklearn.linear_model import Ridge

        lags = min(params.lags, windows.shape[1] - 1)
        sensors = windows.shape[2]
        before, target = windows[:, -lags - 1 : -1].reshape(len(windows), -1), windows[:, -1]
        model = Ridge(alpha=params.ridge).fit(before, target)
        weights = np.asarray(model.coef_).reshape(sensors, lags, sensors).transpose(1, 2, 0)
        bias = np.broadcast_to(np.asarray(model.intercept_, dtype=float), (sensors,)).copy()
        rough = Forecast(weights, bias, Standard(np.zeros(2 * sensors), np.ones(2 * sensors)))
        return Forecast(weights, bias, Standard.fit(rough.errors(windows), 0.0, fitting.robust))
