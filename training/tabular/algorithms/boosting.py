"""Gradient boosting on histograms."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
from pydantic import Field

from training.tabular.algorithms.protocol import Algorithm, AlgorithmParams, Fitted, Fitting
from training.tabular.export.graph import Graph
from training.tabular.export.trees import Tree, add_trees
from training.tabular.plans import Plan


class BoostingParams(AlgorithmParams):
    """Parameters of gradient boosting."""

    trees: int = Field(default=100, ge=1, le=2_000, description="Rounds; of several classes each gets a tree a round.")
    learning_rate: float = Field(default=0.1, ge=1e-3, le=1.0, description="Share of each tree's answer that counts.")
    leaves: int = Field(default=31, ge=2, le=512, description="At most so many leaves a tree.")
    smallest_leaf: int = Field(default=20, ge=1, le=10_000, description="Training rows that a leaf must have.")
    penalty: float = Field(default=0.0, ge=0.0, le=1e3, description="L2 penalty of the leaves, no unit.")
    columns: float = Field(default=1.0, ge=0.1, le=1.0, description="Fraction of the columns that a split looks at.")


@dataclass(frozen=True)
class Boosted(Fitted):
    """A fitted scikit-learn model."""

    model: Any
    classes: int

    def predict(self, features: np.ndarray) -> np.ndarray:
        """See `Fitted`."""
        if not self.classes:
            return np.asarray(self.model.predict(features)).reshape(-1, 1)
        return np.asarray(self.model.predict_proba(features))

    def add(self, graph: Graph, features: str) -> str:
        """See `Fitted`."""
        baseline = np.atleast_2d(self.model._baseline_prediction)
        trees = [_tree(p.nodes, k) for rounds in self.model._predictors for k, p in enumerate(rounds)]
        scores = graph.op("Add", add_trees(graph, features, trees, baseline.shape[1]), graph.doubles(baseline))
        if self.classes == 2:
            scores = graph.op("Concat", graph.op("Mul", scores, graph.doubles(0.0)), scores, axis=1)
        return graph.op("Softmax", scores, axis=1) if self.classes else scores


def _tree(nodes: np.ndarray, target: int) -> Tree:
    leaf = nodes["is_leaf"].astype(bool)
    left, right = (np.where(leaf, -1, nodes[side].astype(np.int64)) for side in ("left", "right"))
    # Where only missing is told from the rest, the threshold is infinite, which no number exceeds.
    thresholds = np.where(leaf, 0.0, nodes["num_threshold"])
    features = nodes["feature_idx"].astype(np.int64)
    return Tree(features, thresholds, left, right, nodes["missing_go_to_left"], nodes["value"], target)


class BoostingAlgorithm(Algorithm):
    """Trees that each correct those before."""

    NAME = "boosting"
    TITLE = "Gradient boosting"
    DESCRIPTION = "Many small trees, each correcting those before: often the best for more than a few hundred rows."
    PLAN = Plan.RAW
    Params = BoostingParams

    def fit(self, features: np.ndarray, targets: np.ndarray, params: BoostingParams, fitting: Fitting) -> Fitted:
        """See `Algorithm`."""
        from sklearn.ensemble import HistGradientBoostingClassifier, HistGradientBoostingRegressor

        kind = HistGradientBoostingClassifier if fitting.classes else HistGradientBoostingRegressor
        model = kind(
            max_iter=params.trees,
            learning_rate=params.learning_rate,
            max_leaf_nodes=params.leaves,
            min_samples_leaf=params.smallest_leaf,
            l2_regularization=params.penalty,
            max_features=params.columns,
            early_stopping=False,
            random_state=fitting.seed,
        )
        return Boosted(model.fit(features, targets), fitting.classes)
