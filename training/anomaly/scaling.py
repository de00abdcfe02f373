"""Readings in units of their usual deviation, by what can be learned from training rows only."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from training.anomaly.graph import SeriesGraph

# A reading counts for at most so many deviations, or one wild value would outweigh all others of its window.
BOUND = 20.0
_NORMAL_MAD = 1.4826
# Where most readings are one value, the range of nearly all of them still counts, for this part of itself: 0.3 of the
# deviation that a normal distribution of that range would have.
_NEARLY_ALL = (0.025, 0.975)
_PART_OF_RANGE = 0.3 / 3.92
# A sensor that never moved is taken to be usual within this part of its value.
_PART_OF_VALUE = 0.01
# Nobody knows what is usual of a sensor that had no value in training, so whatever it reads is.
_NEVER_READ = 1e308


@dataclass(frozen=True)
class Scaling:
    """Centres and scales of the sensors, float64 [sensors]."""

    centres: np.ndarray
    scales: np.ndarray

    @classmethod
    def fit(cls, values: np.ndarray) -> Scaling:
        """Of rows float64 [n, sensors], NaN where missing: medians, and deviations that outliers do not move.

        The deviation is the median absolute one, times 1.4826 (Rousseeuw and Croux, 1993), never less than half a step
        of a sensor that reads in steps, nor than a hundredth of the value of a sensor that never moved. Of a sensor
        without a value it is so large that no reading is odd.
        """
        found = [_of_sensor(column[~np.isnan(column)]) for column in values.T]
        return cls(np.array([centre for centre, _ in found]), np.array([scale for _, scale in found]))

    def apply(self, windows: np.ndarray) -> np.ndarray:
        """Scaled, bounded, with usual values in the gaps; any shape whose last axis are sensors."""
        scaled = np.clip((windows - self.centres) / self.scales, -BOUND, BOUND)
        return np.where(np.isnan(scaled), 0.0, scaled)

    def add(self, graph: SeriesGraph, windows: str) -> str:
        """The same in a graph."""
        scaled = graph.over(graph.minus(windows, self.centres), self.scales)
        filled = graph.op("Where", graph.op("IsNaN", scaled), graph.doubles(0.0), scaled)
        return graph.op("Min", graph.op("Max", filled, graph.doubles(-BOUND)), graph.doubles(BOUND))


def _of_sensor(values: np.ndarray) -> tuple[float, float]:
    if not len(values):
        return 0.0, _NEVER_READ
    centre = float(np.median(values))
    steps = np.diff(np.unique(values))
    if not len(steps):
        return centre, max(abs(centre) * _PART_OF_VALUE, 1e-9)
    spread = _NORMAL_MAD * float(np.median(np.abs(values - centre)))
    # Values that differ by rounding alone are no step, and the way to a wild reading is none either.
    usual = steps[steps > np.quantile(steps, 0.9, method="lower") * 1e-9]
    step = float(np.median(usual) if len(usual) > 2 else usual.min())
    low, high = np.quantile(values, _NEARLY_ALL)
    least = max(_PART_OF_RANGE * float(high - low), 1e-12 * abs(centre), 1e-300)
    return centre, max(spread, least, 0.5 * step if len(steps) < 0.5 * len(values) else 0.0)
