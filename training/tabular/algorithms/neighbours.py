"""k nearest neighbours: all rows that are as near as the k-th have a say, so no chance decides between equals."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from pydantic import Field

from training.tabular.algorithms.protocol import Algorithm, AlgorithmParams, Fitted, Fitting
from training.tabular.export.distances import ROWS_AT_ONCE, add_squared_distances, squared_distances
from training.tabular.export.graph import Graph
from training.tabular.plans import Plan

# Distances that differ by less than a sum's rounding errors are equal: twins of one row must not be told apart.
_RELATIVE, _ABSOLUTE = 1e-7, 1e-9
# A neighbour at distance 0 weighs so many times as much as the k-th.
_NEAREST = 100.0


class NeighboursParams(AlgorithmParams):
    """Parameters of k nearest neighbours."""

    neighbours: int = Field(default=5, ge=1, le=200, description="How many of the nearest training rows have a say.")
    nearer_counts_more: bool = Field(default=False, description="Whether a nearer row weighs more.")


@dataclass(frozen=True)
class Neighbours(Fitted):
    """The training rows, and what each says: rows x outputs."""

    rows: np.ndarray
    says: np.ndarray
    params: NeighboursParams

    def predict(self, features: np.ndarray) -> np.ndarray:
        """See `Fitted`."""
        parts = [self._predict(features[at : at + ROWS_AT_ONCE]) for at in range(0, len(features), ROWS_AT_ONCE)]
        return np.concatenate(parts)

    def _predict(self, features: np.ndarray) -> np.ndarray:
        distances = squared_distances(features, self.rows)
        farthest = np.partition(distances, self._count - 1, axis=1)[:, self._count - 1 : self._count]
        bound = farthest * (1 + _RELATIVE) + _ABSOLUTE
        weights = (distances <= bound).astype(float)
        if self.params.nearer_counts_more:
            weights /= distances / bound + 1 / _NEAREST
        return np.asarray((weights @ self.says) / weights.sum(1, keepdims=True))

    def add(self, graph: Graph, features: str) -> str:
        """See `Fitted`."""
        distances = add_squared_distances(graph, features, self.rows)
        farthest = graph.columns(graph.top_values(distances, self._count), [self._count - 1])
        bound = graph.op("Mul", farthest, graph.doubles(1 + _RELATIVE))
        bound = graph.op("Add", bound, graph.doubles(_ABSOLUTE))
        weights = graph.cast(graph.op("LessOrEqual", distances, bound))
        if self.params.nearer_counts_more:
            near = graph.op("Add", graph.op("Div", distances, bound), graph.doubles(1 / _NEAREST))
            weights = graph.op("Div", weights, near)
        total = graph.op("ReduceSum", weights, graph.ints([1]), keepdims=1)
        return graph.op("Div", graph.op("MatMul", weights, graph.doubles(self.says)), total)

    @property
    def _count(self) -> int:
        return min(self.params.neighbours, len(self.rows))


class NeighboursAlgorithm(Algorithm):
    """Asks the training rows that are most alike."""

    NAME = "neighbours"
    TITLE = "k nearest neighbours"
    DESCRIPTION = "Asks the training rows that are most alike: needs few rows, and keeps them all in the model."
    PLAN = Plan.SCALED
    Params = NeighboursParams
    MOST_ROWS = 20_000

    def fit(self, features: np.ndarray, targets: np.ndarray, params: NeighboursParams, fitting: Fitting) -> Fitted:
        """See `Algorithm`."""
        says = np.eye(fitting.classes)[targets] if fitting.classes else targets.reshape(-1, 1)
        return Neighbours(features, says, params)
