"""Squared distances between rows and rows that are kept, as `|x|² + |y|² - 2xy`."""

from __future__ import annotations

import numpy as np

from training.tabular.export.graph import Graph

ROWS_AT_ONCE = 512


def squared_distances(features: np.ndarray, kept: np.ndarray) -> np.ndarray:
    """float64, rows x kept; never below 0."""
    squares = (features**2).sum(1, keepdims=True) + (kept**2).sum(1)
    return np.maximum(squares - 2.0 * (features @ kept.T), 0.0)


def add_squared_distances(graph: Graph, features: str, kept: np.ndarray) -> str:
    """The same in a graph."""
    own = graph.op("ReduceSum", graph.op("Mul", features, features), graph.ints([1]), keepdims=1)
    squares = graph.op("Add", own, graph.doubles((kept**2).sum(1)))
    products = graph.op("MatMul", features, graph.doubles(2.0 * kept.T))
    return graph.op("Max", graph.op("Sub", squares, products), graph.doubles(0.0))
