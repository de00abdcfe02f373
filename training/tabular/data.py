"""The rows of a table as a trainer needs them: inputs of a graph, targets, groups."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import polars as pl

from datasets.tables import columns as cells
from datasets.tables.schema import TEST_PART, TRAIN_PART, VAL_PART, ColumnType, TableDataset
from inference.tabular.inputs import Inputs, TableShape, row_count, stacked, taken
from training.protocol import TrainingFailed
from training.tabular.drawing import drawn, most_rows
from utils import some_of

_CELLS_AT_ONCE = 50_000_000


@dataclass(frozen=True)
class Rows:
    """Some rows of a table.

    Attributes:
        targets: int64 indices of classes, or float64 values.
        groups: int64, equal for rows that must stay together; None when each is for itself.
    """

    inputs: Inputs
    targets: np.ndarray
    groups: np.ndarray | None

    def __len__(self) -> int:
        return len(self.targets)

    def take(self, which: np.ndarray) -> Rows:
        """Some of them, by index or mask."""
        groups = None if self.groups is None else self.groups[which]
        return Rows(taken(self.inputs, which), self.targets[which], groups)


@dataclass(frozen=True)
class Parts:
    """The rows by what they are for; `val` is `train` when there were too few to hold any back."""

    train: Rows
    val: Rows
    test: Rows | None


def shape_of(dataset: TableDataset) -> TableShape:
    """What a model of this table takes and gives.

    Raises:
        TrainingFailed: there is no column to learn from.
    """
    schema = dataset.schema
    if not schema.features:
        raise TrainingFailed(
            f"there is no column to learn from beside the target '{schema.target}': take a column off those that are "
            "ignored, or say of a column of texts that it is a category"
        )
    return TableShape(schema.target, dataset.task.value, schema.features, dataset.classes)


def load(dataset: TableDataset, shape: TableShape, seed: int) -> Parts:
    """Read the table; of one with more rows than can be held, some of each part (`training.tabular.drawing`).

    Raises:
        TrainingFailed: a target is none of the classes, or no number.
    """
    parts = pl.read_parquet(dataset.parts)["part"].to_numpy()
    target = pl.read_parquet(dataset.path, columns=[dataset.schema.target])
    picked, most = np.zeros(len(parts), dtype=bool), most_rows(shape, dataset.path, len(parts))
    targets = np.zeros(len(parts), dtype=np.int64 if dataset.classes else np.float64)
    used = np.isin(parts, (TRAIN_PART, VAL_PART, TEST_PART))
    targets[used] = _targets(target.filter(pl.Series(used)), dataset)
    for part in (TRAIN_PART, VAL_PART, TEST_PART):
        places = np.flatnonzero(parts == part)
        picked[places[drawn(targets[places], most, seed)]] = True
    parts, targets = parts[picked], targets[picked]
    rows = Rows(_inputs(dataset, shape, picked), targets, _groups(dataset, picked))
    train = rows.take(parts == TRAIN_PART)
    val = train if dataset.val_is_train else rows.take(parts == VAL_PART)
    test = rows.take(parts == TEST_PART) if (parts == TEST_PART).any() else None
    if row_count(train.inputs) == 0 or len(val) == 0:
        raise TrainingFailed("no row is left to train on or to check on: give more rows a target")
    return Parts(train, val, test)


def _inputs(dataset: TableDataset, shape: TableShape, picked: np.ndarray) -> Inputs:
    """The features of the rows that are picked, some columns at a time."""
    arrays: dict[str, np.ndarray] = {}
    step = max(1, _CELLS_AT_ONCE // max(1, len(picked)))
    for start in range(0, len(shape.columns), step):
        columns = shape.columns[start : start + step]
        frame = _read(dataset, [column.name for column in columns], picked)
        values = frame.select(cells.values(column).alias(column.name) for column in columns)
        arrays |= {column.name: _array(values[column.name], column.type) for column in columns}
    return stacked(shape, arrays, int(picked.sum()))


def _read(dataset: TableDataset, names: list[str], picked: np.ndarray) -> pl.DataFrame:
    return pl.read_parquet(dataset.path, columns=names).filter(pl.Series(picked))


def _array(values: pl.Series, kind: ColumnType) -> np.ndarray:
    if kind is ColumnType.CATEGORY:
        return np.array(values.fill_null("").to_list(), dtype=object)
    return np.asarray(values.cast(pl.Float64).fill_null(float("nan")).to_numpy())


def _targets(frame: pl.DataFrame, dataset: TableDataset) -> np.ndarray:
    column = dataset.schema.target_column
    if not dataset.classes:
        values = _array(frame.select(cells.values(column)).to_series(), ColumnType.NUMBER)
        if np.isnan(values).any():
            raise TrainingFailed(f"the target '{column.name}' is no number in {int(np.isnan(values).sum()):,} rows")
        return values
    names = frame.select(cells.categories(pl.col(column.name))).to_series()
    unknown = sorted(str(name) for name in names.unique() if name not in set(dataset.classes))
    if unknown:
        raise TrainingFailed(f"the target '{column.name}' has values that are no class: {some_of(unknown)}")
    return names.cast(pl.Enum(dataset.classes)).to_physical().to_numpy().astype(np.int64)


def _groups(dataset: TableDataset, picked: np.ndarray) -> np.ndarray | None:
    """A row without a group is a group of its own."""
    if dataset.schema.group is None:
        return None
    frame = _read(dataset, [dataset.schema.group], picked)
    words = frame.select(cells.bare(pl.col(dataset.schema.group))).to_series().to_list()
    numbers: dict[object, int] = {}
    keys = [("alone", at) if word is None else word for at, word in enumerate(words)]
    return np.array([numbers.setdefault(key, len(numbers)) for key in keys], dtype=np.int64)
