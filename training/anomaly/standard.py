"""Features in units of what they usually vary by, with an allowance for drift."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from training.anomaly.graph import SeriesGraph

_BLOCKS = 5
# What varies by less is taken to vary by this: features are in deviations of a sensor already.
_LEAST = 0.05
_NORMAL_MAD = 1.4826


@dataclass(frozen=True)
class Standard:
    """Centres and deviations of features, float64 [features]."""

    centres: np.ndarray
    deviations: np.ndarray

    @classmethod
    def fit(cls, rows: np.ndarray, drift: float = 0.0, robust: bool = False) -> Standard:
        """Of features float64 [n, features] in order of time.

        Args:
            drift: how much of the way between the means of a fifth of the rows and another is added to the deviation
                (as squares): what wanders while all is well will wander on.
            robust: by medians.
        """
        centres = np.median(rows, 0)
        spread = _NORMAL_MAD * np.median(np.abs(rows - centres), 0) if robust else rows.std(0)
        middle = np.median if robust else np.mean
        levels = np.array([middle(block, axis=0) for block in np.array_split(rows, min(_BLOCKS, len(rows)))])
        way = np.maximum(np.abs(levels[-1] - levels[0]), 0.5 * (levels.max(0) - levels.min(0)))
        return cls(centres, np.sqrt(np.maximum(spread, _LEAST) ** 2 + (drift * way) ** 2))

    def apply(self, rows: np.ndarray) -> np.ndarray:
        """Deviations from the usual, float64 [n, features]."""
        return np.asarray((rows - self.centres) / self.deviations)

    def add(self, graph: SeriesGraph, rows: str) -> str:
        """The same in a graph."""
        return graph.over(graph.minus(rows, self.centres), self.deviations)
