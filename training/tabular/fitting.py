"""One candidate fitted: preprocessing and algorithm together, as it predicts here and as one file."""

from __future__ import annotations

import os
import warnings
from dataclasses import dataclass
from typing import Any

import numpy as np
from pydantic import BaseModel

from datasets.tables.schema import ColumnType
from inference.tabular.inputs import Inputs, TableShape
from training.tabular.algorithms.protocol import Algorithm, Fitted, Fitting
from training.tabular.data import Rows
from training.tabular.export.graph import Graph
from training.tabular.preprocessing import Preprocessing

# Below so many cells a second thread costs more than it gains, and much more beside another busy process.
_CELLS_FOR_THREADS = 1_000_000


@dataclass(frozen=True)
class Candidate:
    """An algorithm with its parameters."""

    algorithm: Algorithm
    params: BaseModel

    def as_fields(self) -> dict[str, Any]:
        """For card and artifacts."""
        return {"algorithm": self.algorithm.NAME, "parameters": self.params.model_dump()}

    def __str__(self) -> str:
        given = ", ".join(f"{name} {value}" for name, value in self.params.model_dump(exclude_unset=True).items())
        return f"{self.algorithm.NAME} ({given})" if given else self.algorithm.NAME


@dataclass(frozen=True)
class TableModel:
    """Preprocessing and algorithm, fitted.

    Attributes:
        present: indices of the classes that occurred in training.
    """

    shape: TableShape
    preprocessing: Preprocessing
    fitted: Fitted
    present: np.ndarray

    def predict(self, inputs: Inputs) -> np.ndarray:
        """By the library that fitted it: float64, rows x classes or rows x 1."""
        outputs = self.fitted.predict(self.preprocessing.apply(inputs))
        return outputs @ self._placing if self._has_gaps else outputs

    def export(self) -> bytes:
        """The file that is served."""
        graph = Graph()
        result = self.fitted.add(graph, self.preprocessing.add(graph))
        if self._has_gaps:
            result = graph.op("MatMul", result, graph.doubles(self._placing))
        return graph.model(self.shape, result, self.known).SerializeToString()

    @property
    def known(self) -> dict[str, tuple[str, ...]]:
        """Categories by column."""
        columns = self.shape.of_type(ColumnType.CATEGORY)
        return {c.name: t.known for c, t in zip(columns, self.preprocessing.tables, strict=True)}

    @property
    def _has_gaps(self) -> bool:
        return len(self.present) < len(self.shape.classes)

    @property
    def _placing(self) -> np.ndarray:
        """Puts the classes that occurred into the places of all classes."""
        return np.asarray(np.eye(len(self.shape.classes))[self.present])


def fit(candidate: Candidate, shape: TableShape, rows: Rows, seed: int) -> TableModel:
    """Fit preprocessing and algorithm to these rows and no others.

    Raises:
        ValueError: the rows cannot be learned from, such as when every column is constant.
    """
    from threadpoolctl import threadpool_limits

    preprocessing = Preprocessing.fit(shape, rows.inputs, candidate.algorithm.PLAN)
    if not preprocessing.kept:
        raise ValueError("every column is constant")
    features = preprocessing.apply(rows.inputs)
    present, targets = np.zeros(0, dtype=np.int64), rows.targets
    if shape.classes:
        present, targets = np.unique(rows.targets, return_inverse=True)
        if len(present) < 2:
            raise ValueError("only one class occurs")
    threads = _threads() if features.size >= _CELLS_FOR_THREADS else 1
    with threadpool_limits(threads), warnings.catch_warnings():
        # That an optimiser stopped at its bound is told by the scores.
        warnings.simplefilter("ignore")
        fitting = Fitting(len(present), seed, threads)
        fitted = candidate.algorithm.fit(features, targets, candidate.params, fitting)
    return TableModel(shape, preprocessing, fitted, present)


def _threads() -> int:
    return len(os.sched_getaffinity(0))
