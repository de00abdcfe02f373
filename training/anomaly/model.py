"""A model of normal operation: scaling, and one detector or several, of whom the one that finds most odd is heard."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from training.anomaly.detectors.protocol import Fitted, Scores
from training.anomaly.graph import SeriesGraph
from training.anomaly.scaling import Scaling

_AT_ONCE = 4_096
_LEAST = 1e-12


@dataclass(frozen=True)
class Member:
    """A fitted detector and what a tenth of its scores of usual rows that it was not fitted to exceed, above 0."""

    name: str
    fitted: Fitted
    unit: float


@dataclass(frozen=True)
class AnomalyModel:
    """What is exported; `window` rows make a score."""

    scaling: Scaling
    members: Sequence[Member]
    window: int

    def score(self, windows: np.ndarray) -> Scores:
        """Of windows as read float64 [n, window, sensors]: the largest of the members in their units, and its parts."""
        some = [windows[at : at + _AT_ONCE] for at in range(0, len(windows), _AT_ONCE)]
        found = [self._score(np.ascontiguousarray(one)) for one in some]
        if not found:
            return np.empty(0), np.empty((0, windows.shape[2]))
        return np.concatenate([score for score, _ in found]), np.concatenate([parts for _, parts in found])

    def export(self) -> bytes:
        """The file that is served."""
        graph = SeriesGraph()
        scaled = self.scaling.add(graph, "window")
        largest, shares = "", ""
        for member in self.members:
            score, parts = member.fitted.add(graph, scaled, self.window)
            score = graph.op("Unsqueeze", graph.over(score, member.unit), graph.ints([1]))
            total = graph.op("Max", graph.reduce("ReduceSum", parts, [1], keep=True), graph.doubles(_LEAST))
            share = graph.times(graph.over(parts, total), score)
            if largest:
                share = graph.op("Where", graph.op("Greater", score, largest), share, shares)
                score = graph.op("Max", score, largest)
            largest, shares = score, share
        score = graph.op("Squeeze", largest, graph.ints([1]))
        return graph.series_model(self.window, len(self.scaling.centres), score, shares).SerializeToString()

    def _score(self, windows: np.ndarray) -> Scores:
        scaled = self.scaling.apply(windows)
        largest, shares = np.full(len(windows), -1.0), np.zeros((len(windows), windows.shape[2]))
        for member in self.members:
            score, parts = member.fitted.score(scaled)
            score = score / member.unit
            share = parts / np.maximum(parts.sum(1, keepdims=True), _LEAST) * score[:, None]
            shares = np.where((score > largest)[:, None], share, shares)
            largest = np.maximum(score, largest)
        return largest, shares
