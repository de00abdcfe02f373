"""Which rows of a large table are learned from: as many as can be held in memory, drawn by the seed."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import polars as pl

from datasets.tables import columns as cells
from datasets.tables.schema import ColumnType
from inference.tabular.inputs import TableShape
from training.tabular.preprocessing import MOST_CATEGORIES_SHOWN

# Numbers that come of encoding: 0.8 GB, of which preprocessing and fit have a few copies at a time.
MOST_CELLS = 100_000_000
_LEAST_ROWS = 1_000
# What each column becomes; of categories it is as many as there are, and three more.
_WIDTHS = {ColumnType.NUMBER: 1, ColumnType.DATE: 6, ColumnType.CATEGORY: MOST_CATEGORIES_SHOWN + 3}
# A class keeps so many rows, if it has them, however rare it is.
_ROWS_OF_A_CLASS = 20


def most_rows(shape: TableShape, path: Path, rows: int) -> int:
    """How many rows may be learned from.

    Args:
        path: of the table, which has so many `rows`.
    """
    width = sum(_WIDTHS[column.type] for column in shape.columns)
    categories = shape.of_type(ColumnType.CATEGORY)
    if rows * width > MOST_CELLS and categories:
        different = (cells.values(column).n_unique().alias(column.name) for column in categories)
        counts = pl.scan_parquet(path).select(different).collect().row(0)
        width -= sum(max(0, MOST_CATEGORIES_SHOWN - count) for count in counts)
    return max(_LEAST_ROWS, MOST_CELLS // width)


def drawn(targets: np.ndarray, most: int, seed: int) -> np.ndarray:
    """Indices of at most so many rows, in their order; rare classes have more than their share.

    Args:
        targets: int64 classes, or float64 values.
    """
    if len(targets) <= most:
        return np.arange(len(targets))
    keys = np.random.default_rng(seed).random(len(targets))
    if targets.dtype.kind == "i":
        order = np.lexsort((keys, targets))
        ordered = targets[order]
        within = np.arange(len(order)) - np.searchsorted(ordered, ordered)
        keys[order[within < _ROWS_OF_A_CLASS]] -= 1.0
    return np.sort(np.argpartition(keys, most - 1)[:most])
