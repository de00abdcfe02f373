"""Decision trees as one TreeEnsemble operator: thresholds stay doubles, and a missing number goes where it was sent."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from training.tabular.export.graph import DOUBLE, ML, UINT8, Graph, tensor

_SUM, _LESS_OR_EQUAL = 1, 0


@dataclass(frozen=True)
class Tree:
    """Nodes of one tree; the first is its root.

    Attributes:
        features: int, the column that a node looks at; thresholds: float64, up to which it goes left.
        left: int, number of the child; right likewise; -1 in a leaf.
        missing_left: bool, where NaN goes.
        leaves: float64, what a leaf gives.
        target: the output that it is added to.
    """

    features: np.ndarray
    thresholds: np.ndarray
    left: np.ndarray
    right: np.ndarray
    missing_left: np.ndarray
    leaves: np.ndarray
    target: int = 0


class _Nodes:
    """The lists of the operator, tree by tree."""

    def __init__(self) -> None:
        self.roots: list[int] = []
        self.columns: dict[str, list[np.ndarray]] = {}
        self.nodes = 0
        self.leaves = 0

    def append(self, tree: Tree) -> None:
        inner = np.flatnonzero(tree.left >= 0)
        ends = np.flatnonzero(tree.left < 0)
        place = np.zeros(len(tree.left), dtype=np.int64)
        place[inner] = self.nodes + np.arange(len(inner))
        place[ends] = self.leaves + np.arange(len(ends))
        self.roots.append(self.nodes)
        if len(inner):
            left, right = tree.left[inner], tree.right[inner]
            self._add("featureids", tree.features[inner])
            self._add("splits", tree.thresholds[inner])
            self._add("missing_value_tracks_true", tree.missing_left[inner])
        else:  # a tree without a question asks one whose answers are the same
            left = right = np.zeros(1, dtype=np.int64)
            self._add("featureids", np.zeros(1))
            self._add("splits", np.zeros(1))
            self._add("missing_value_tracks_true", np.zeros(1))
        self._add("truenodeids", place[left])
        self._add("trueleafs", tree.left[left] < 0)
        self._add("falsenodeids", place[right])
        self._add("falseleafs", tree.left[right] < 0)
        self._add("leaf_targets", np.full(len(ends), tree.target))
        self._add("leaf_weights", tree.leaves[ends])
        self.nodes += max(1, len(inner))
        self.leaves += len(ends)

    def doubles(self, name: str) -> object:
        values = np.concatenate(self.columns[name]).astype(np.float64)
        return tensor(name, DOUBLE, values)

    def ints(self, name: str) -> list[int]:
        return np.concatenate(self.columns[name]).astype(np.int64).tolist()

    def _add(self, name: str, values: np.ndarray) -> None:
        self.columns.setdefault(name, []).append(values)


def add_trees(graph: Graph, features: str, trees: list[Tree], targets: int) -> str:
    """The sums of the leaves that rows fall into; double, rows x targets."""
    nodes = _Nodes()
    for tree in trees:
        nodes.append(tree)
    modes = np.full(nodes.nodes, _LESS_OR_EQUAL, dtype=np.uint8)
    names = ("featureids", "truenodeids", "trueleafs", "falsenodeids", "falseleafs", "missing_value_tracks_true")
    return graph.op(
        "TreeEnsemble",
        features,
        domain=ML,
        n_targets=targets,
        aggregate_function=_SUM,
        post_transform=0,
        tree_roots=nodes.roots,
        nodes_splits=nodes.doubles("splits"),
        nodes_modes=tensor("modes", UINT8, modes),
        leaf_targetids=nodes.ints("leaf_targets"),
        leaf_weights=nodes.doubles("leaf_weights"),
        **{f"nodes_{name}": nodes.ints(name) for name in names},
    )
