"""A model of normal operation: scaling, and one detector or several whose scores are averaged."""

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
    """A fitted detector and its score of usual rows that it was not fitted to, above 0."""

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
        """Of windows as read float64 [n, window, sensors]: the mean of the members in their units, and parts of it."""
        some = [windows[at : at + _AT_ONCE] for at in range(0, len(windows), _AT_ONCE)]
        found = [self._score(np.ascontiguousarray(one)) for one in some]
        if not found:
            return np.empty(0), np.empty((0, windows.shape[2]))
        return np.concatenate([score for score, _ in found]), np.concatenate([parts for _, parts in found])

    def export(self) -> bytes:
        """The file that is served."""
        graph = SeriesGraph()
        scaled = self.scaling.add(graph, "window")
        scores, shares = [], []
        for member in self.members:
            score, parts = member.fitted.add(graph, scaled, self.window)
            score = graph.over(score, member.unit * len(self.members))
            total = graph.op("Max", graph.reduce("ReduceSum", parts, [1], keep=True), graph.doubles(_LEAST))
            column = graph.op("Unsqueeze", score, graph.ints([1]))
            scores.append(score)
            shares.append(graph.times(graph.over(parts, total), column))
        score = scores[0] if len(scores) == 1 else graph.op("Sum", *scores)
        share = shares[0] if len(shares) == 1 else graph.op("Sum", *shares)
        return graph.series_model(self.window, len(self.scaling.centres), score, share).SerializeToString()

    def _score(self, windows: np.ndarray) -> Scores:
        scaled = self.scaling.apply(windows)
        total, shares = np.zeros(len(windows)), np.zeros((len(windows), windows.shape[2]))
        for member in self.members:
            score, parts = member.fitted.score(scaled)
            score = score / (member.unit * len(self.members))
            total += score
            shares += parts / np.maximum(parts.sum(1, keepdims=True), _LEAST) * score[:, None]
        return total, shares
