"""Random forests, whose sums come out exactly the same in any order."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
from pydantic import Field

from training.tabular.algorithms.protocol import Algorithm, AlgorithmParams, Fitted, Fitting
from training.tabular.export.graph import FLOAT, INT64, Graph
from training.tabular.export.trees import Tree, add_trees
from training.tabular.plans import Plan

# Probabilities of a leaf are multiples of this. So sums have no rounding error, two classes with equally many votes
# are equal in whatever order they were counted, and unequal ones stay so in single precision.
_QUANTUM = 2.0**-12
_FLOAT32_BOUND = 3e38
# What all leaves say lies in the file, and in memory several times: 8 bytes for each class.
_MOST_CELLS = 25_000_000


class ForestParams(AlgorithmParams):
    """Parameters of a random forest."""

    trees: int = Field(default=200, ge=1, le=1_000, description="How many trees vote.")
    leaves: int = Field(default=2_000, ge=2, le=20_000, description="At most so many leaves a tree.")
    smallest_leaf: int = Field(default=1, ge=1, le=10_000, description="Training rows that a leaf must have.")
    columns: float | None = Field(
        default=None,
        ge=0.01,
        le=1.0,
        description="Fraction of the columns that a split looks at; none is the square root of their number for "
        "classes, and a third for values.",
    )


@dataclass(frozen=True)
class Forest(Fitted):
    """A fitted scikit-learn model."""

    model: Any
    classes: int

    def predict(self, features: np.ndarray) -> np.ndarray:
        """See `Fitted`."""
        bounded = np.clip(features, -_FLOAT32_BOUND, _FLOAT32_BOUND)
        if not self.classes:
            return np.asarray(self.model.predict(bounded)).reshape(-1, 1)
        return np.asarray(self.model.predict_proba(bounded))

    def add(self, graph: Graph, features: str) -> str:
        """See `Fitted`; each tree tells its leaf, since in the operator a leaf adds to one output only."""
        bounded = graph.op("Clip", features, graph.doubles(-_FLOAT32_BOUND), graph.doubles(_FLOAT32_BOUND))
        # Trees were fitted to single precision.
        single = graph.cast(graph.cast(bounded, FLOAT))
        grown = [estimator.tree_ for estimator in self.model.estimators_]
        count = graph.doubles(float(len(grown)))
        if not self.classes:
            trees = [_tree(tree, tree.value[:, 0, 0], 0) for tree in grown]
            return graph.op("Div", add_trees(graph, single, trees, 1), count)
        starts = np.cumsum([0, *(tree.node_count for tree in grown)])
        trees = [
            _tree(tree, starts[index] + np.arange(tree.node_count, dtype=float), index)
            for index, tree in enumerate(grown)
        ]
        leaves = graph.cast(add_trees(graph, single, trees, len(trees)), INT64)
        table = graph.doubles(np.concatenate([tree.value[:, 0, :] for tree in grown]))
        votes = graph.op("ReduceSum", graph.op("Gather", table, leaves, axis=0), graph.ints([1]), keepdims=0)
        return graph.op("Div", votes, count)


def _tree(tree: Any, leaves: np.ndarray, target: int) -> Tree:
    left, right = tree.children_left.astype(np.int64), tree.children_right.astype(np.int64)
    missing = np.zeros(tree.node_count)
    return Tree(tree.feature.astype(np.int64), tree.threshold, left, right, missing, leaves, target)


def _quantize(model: Any) -> None:
    """Round the leaves of a classifier in place; what rounding leaves over goes to the likeliest class."""
    for estimator in model.estimators_:
        values = estimator.tree_.value
        rounded = np.round(values / _QUANTUM) * _QUANTUM
        best = rounded.argmax(2)[..., None]
        rest = 1.0 - rounded.sum(2, keepdims=True)
        np.put_along_axis(rounded, best, np.take_along_axis(rounded, best, 2) + rest, 2)
        values[...] = rounded


class ForestAlgorithm(Algorithm):
    """Trees of random parts of the data that vote."""

    NAME = "forest"
    TITLE = "Random forest"
    DESCRIPTION = "Many trees, each of a random part of rows and columns, that vote: good without any tuning."
    PLAN = Plan.FILLED
    Params = ForestParams

    def fit(self, features: np.ndarray, targets: np.ndarray, params: ForestParams, fitting: Fitting) -> Fitted:
        """See `Algorithm`.

        Raises:
            ValueError: with so many classes the file would be too large.
        """
        from sklearn.ensemble import RandomForestClassifier, RandomForestRegressor

        cells = params.trees * 2 * min(params.leaves, len(targets)) * max(1, fitting.classes)
        if cells > _MOST_CELLS:
            raise ValueError(f"{fitting.classes:,} classes make the file too large: take fewer trees or leaves")

        kind = RandomForestClassifier if fitting.classes else RandomForestRegressor
        model = kind(
            n_estimators=params.trees,
            max_leaf_nodes=params.leaves,
            min_samples_leaf=params.smallest_leaf,
            max_features=params.columns or ("sqrt" if fitting.classes else 1 / 3),
            n_jobs=fitting.threads,
            random_state=fitting.seed,
        )
        model.fit(np.clip(features, -_FLOAT32_BOUND, _FLOAT32_BOUND), targets)
        model.n_jobs = 1
        if fitting.classes:
            _quantize(model)
        return Forest(model, fitting.classes)
