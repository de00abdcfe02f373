"""Boosted trees as an ONNX file that takes the same turn at every node.

scikit-learn compares doubles. The features are float32, so that `x <= t` is the same as `x <= r` where r is the
largest float32 that is not above t; and r is what the file holds.
"""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray
from onnx import helper

from moodle.learner.boosting import Boosting
from moodle.learner.member import INPUT, OUTPUT
from moodle.learner.network_file import finished

_BRANCH, _LEAF = "BRANCH_LEQ", "LEAF"


def boosting_file(boosting: Boosting) -> bytes:
    """The file; see `Member.onnx`."""
    model = boosting.model
    outputs = model.n_trees_per_iteration_
    trees = [(target, tree.nodes) for row in model._predictors for target, tree in enumerate(row)]
    base = np.asarray(model._baseline_prediction, np.float32).ravel()
    attributes = _Attributes(boosting.columns)
    for tree, (target, nodes) in enumerate(trees):
        attributes.add(tree, target, nodes)
    scores = helper.make_node(
        "TreeEnsembleRegressor",
        [INPUT],
        ["scores"],
        domain="ai.onnx.ml",
        n_targets=outputs,
        base_values=base.tolist(),
        aggregate_function="SUM",
        post_transform="NONE",
        **attributes.values,
    )
    return finished([scores, *_to_probabilities(outputs)], _CONSTANTS if outputs == 1 else [])


def _to_probabilities(outputs: int) -> list[Any]:
    if outputs > 1:
        return [helper.make_node("Softmax", ["scores"], [OUTPUT], axis=1)]
    return [
        helper.make_node("MatMul", ["scores", "sides"], ["logits"]),  # the logits 0 and z have the odds of z
        helper.make_node("Softmax", ["logits"], [OUTPUT], axis=1),
    ]


_CONSTANTS = [helper.make_tensor("sides", 1, [1, 2], [0.0, 1.0])]


class _Attributes:
    """Lists of the operator, a node at a place."""

    def __init__(self, columns: NDArray[np.int64]):
        self._columns = columns
        names = (
            "nodes_treeids", "nodes_nodeids", "nodes_featureids", "nodes_modes", "nodes_values",
            "nodes_truenodeids", "nodes_falsenodeids", "nodes_missing_value_tracks_true",
            "target_treeids", "target_nodeids", "target_ids", "target_weights",
        )  # fmt: skip
        self.values: dict[str, Any] = {name: [] for name in names}

    def add(self, tree: int, target: int, nodes: NDArray[np.void]) -> None:
        """The nodes of one tree."""
        leaf = nodes["is_leaf"].astype(bool)
        count, places = len(nodes), np.flatnonzero(leaf)
        self._extend("nodes_treeids", np.full(count, tree))
        self._extend("nodes_nodeids", np.arange(count))
        self._extend("nodes_featureids", np.where(leaf, 0, self._columns[np.where(leaf, 0, nodes["feature_idx"])]))
        self.values["nodes_modes"] += [_LEAF if end else _BRANCH for end in leaf]
        self._extend("nodes_values", np.where(leaf, 0.0, not_above(nodes["num_threshold"])))
        self._extend("nodes_truenodeids", np.where(leaf, 0, nodes["left"]))
        self._extend("nodes_falsenodeids", np.where(leaf, 0, nodes["right"]))
        self._extend("nodes_missing_value_tracks_true", np.where(leaf, 0, nodes["missing_go_to_left"]))
        self._extend("target_treeids", np.full(len(places), tree))
        self._extend("target_nodeids", places)
        self._extend("target_ids", np.full(len(places), target))
        self._extend("target_weights", nodes["value"][places].astype(np.float64))

    def _extend(self, name: str, values: NDArray[Any]) -> None:
        self.values[name] += values.tolist()


def not_above(thresholds: NDArray[np.float64]) -> NDArray[np.float32]:
    """The largest float32 that is not above each."""
    largest = np.finfo(np.float32).max
    nearest = np.clip(thresholds, -largest, largest).astype(np.float32)
    above = nearest.astype(np.float64) > thresholds
    with np.errstate(over="ignore"):  # below the smallest float32 lies nothing that could pass
        return np.where(above, np.nextafter(nearest, np.float32(-np.inf)), nearest)
