"""What is looked at in a window: where each sensor stands, and how restless it is."""

from __future__ import annotations

import numpy as np

from training.anomaly.graph import SeriesGraph

# Added to the restlessness before its logarithm, in deviations: below it, more quiet is no news.
_QUIET = 0.1
SMALLEST_FOR_RESTLESSNESS = 4


def features(windows: np.ndarray) -> np.ndarray:
    """float64 [n, sensors or 2 x sensors]: mean, and logarithm of the mean step from row to row of longer windows.

    A mean over w rows has 1/sqrt(w) of the noise of one, so that small lasting changes show.
    """
    means = windows.mean(1)
    if windows.shape[1] < SMALLEST_FOR_RESTLESSNESS:
        return means
    return np.concatenate([means, np.log(np.abs(np.diff(windows, axis=1)).mean(1) + _QUIET)], 1)


def add_features(graph: SeriesGraph, windows: str, window: int) -> str:
    """The same in a graph."""
    means = graph.reduce("ReduceMean", windows, [1])
    if window < SMALLEST_FOR_RESTLESSNESS:
        return means
    steps = graph.minus(graph.rows(windows, 1, 0), graph.rows(windows, 0, -1))
    mean_step = graph.reduce("ReduceMean", graph.op("Abs", steps), [1])
    return graph.op("Concat", means, graph.op("Log", graph.plus(mean_step, _QUIET)), axis=1)


def by_sensor(parts: np.ndarray, sensors: int) -> np.ndarray:
    """Parts of features summed up by sensor: float64 [n, sensors]."""
    return np.asarray(parts.reshape(len(parts), -1, sensors).sum(1))


def add_by_sensor(graph: SeriesGraph, parts: str, sensors: int) -> str:
    """The same in a graph."""
    return graph.reduce("ReduceSum", graph.op("Reshape", parts, graph.ints([0, -1, sensors])), [1])
