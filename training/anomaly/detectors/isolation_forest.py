"""Isolation forest (Liu, Ting and Zhou, 2008): what random questions tell apart quickly is odd."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
from pydantic import Field

from training.anomaly.detectors.protocol import Detector, DetectorParams, Fitted, Fitting, Scores
from training.anomaly.features import add_by_sensor, add_features, by_sensor, features
from training.anomaly.graph import FLOAT, SeriesGraph
from training.anomaly.standard import Standard
from training.tabular.export.trees import Tree, add_trees

# Scores of usual rows differ in their second digit; what lies below this quantile of them counts as not odd at all.
_USUAL = 0.05


class IsolationForestParams(DetectorParams):
    """Parameters of an isolation forest."""

    trees: int = Field(default=100, ge=10, le=1_000, description="How many trees ask.")
    rows: int = Field(default=256, ge=16, le=4_096, description="Training rows that each tree sees.")


@dataclass(frozen=True)
class IsolationForest(Fitted):
    """A fitted scikit-learn model; sensors have parts by how far they are from the usual, which trees do not tell."""

    model: Any
    standard: Standard
    usual: float
    sensors: int

    def score(self, windows: np.ndarray) -> Scores:
        """See `Fitted`."""
        rows = features(windows)
        scores = np.maximum(_odd(self.model, rows) - self.usual, 0.0)
        return scores, by_sensor(self.standard.apply(rows) ** 2, self.sensors)

    def add(self, graph: SeriesGraph, windows: str, window: int) -> tuple[str, str]:
        """See `Fitted`."""
        rows = add_features(graph, windows, window)
        trees = [_tree(one.tree_) for one in self.model.estimators_]
        # Trees were fitted to single precision.
        depths = add_trees(graph, graph.cast(graph.cast(rows, FLOAT)), trees, 1)
        usual_depth = len(trees) * float(_path(np.array([self.model.max_samples_]))[0])
        odd = graph.op("Pow", graph.doubles(2.0), graph.over(depths, -usual_depth))
        scores = graph.op("Max", graph.minus(odd, self.usual), graph.doubles(0.0))
        deviations = self.standard.add(graph, rows)
        parts = add_by_sensor(graph, graph.times(deviations, deviations), self.sensors)
        return graph.op("Reshape", scores, graph.ints([-1])), parts


class IsolationForestDetector(Detector):
    """What is told apart from the rest by few questions."""

    NAME = "isolation_forest"
    TITLE = "Isolation forest"
    DESCRIPTION = "Asks random questions; what is told apart by few of them is odd. Takes data of any shape."
    Params = IsolationForestParams

    def fit(self, windows: np.ndarray, params: IsolationForestParams, fitting: Fitting) -> Fitted:
        """See `Detector`."""
        from sklearn import ensemble

        rows = features(windows)
        model = ensemble.IsolationForest(
            n_estimators=params.trees, max_samples=min(params.rows, len(rows)), random_state=fitting.seed, n_jobs=1
        ).fit(rows)
        usual = float(np.quantile(_odd(model, rows), _USUAL))
        return IsolationForest(model, Standard.fit(rows, 0.0, fitting.robust), usual, windows.shape[2])


def _odd(model: Any, rows: np.ndarray) -> np.ndarray:
    return -np.asarray(model.score_samples(rows))


def _tree(tree: Any) -> Tree:
    """Each leaf gives the depth at which it isolates: its own, and what its rows would have needed more."""
    left, right = tree.children_left.astype(np.int64), tree.children_right.astype(np.int64)
    depth = np.zeros(tree.node_count)
    for node in range(tree.node_count):  # children come after their parent
        if left[node] >= 0:
            depth[[left[node], right[node]]] = depth[node] + 1
    leaves = depth + _path(tree.n_node_samples)
    return Tree(tree.feature.astype(np.int64), tree.threshold, left, right, np.zeros(tree.node_count), leaves)


def _path(rows: np.ndarray) -> np.ndarray:
    """How deep a search among so many rows goes on average, by the paper's formula and the library's constants."""
    count = np.maximum(np.asarray(rows, dtype=float), 2.0)
    long = 2.0 * (np.log(np.maximum(count - 1.0, 1.0)) + np.euler_gamma) - 2.0 * (count - 1.0) / count
    return np.where(rows <= 1, 0.0, np.where(np.asarray(rows) == 2, 1.0, long))
