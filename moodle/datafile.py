"""Moodle's data files: a header, then rows of numbers with a target behind them or a sample id before them."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from moodle.cells import Cells, Floats, read_cells
from moodle.header import Header, split_header
from utils import InvalidInput, some_of

_NO_ROWS = "the data file has no rows: wanted is at least one below the three lines of its header"


@dataclass(frozen=True)
class LabelledRows:
    """Rows to learn from.

    Attributes:
        target: int64 [rows], places in `classes`; -1 for a value that the header does not name.
        unknown: values of the target that the header does not name.
    """

    columns: tuple[str, ...]
    classes: tuple[str, ...]
    cells: Cells
    target: NDArray[np.int64]
    unknown: tuple[str, ...]

    @property
    def features(self) -> Floats:
        """All rows, float32 [rows, columns]."""
        return self.cells.rows()


@dataclass(frozen=True)
class SampleRows:
    """Rows to predict for."""

    columns: tuple[str, ...]
    samples: tuple[str, ...]
    cells: Cells

    @property
    def features(self) -> Floats:
        """All rows, float32 [rows, columns]."""
        return self.cells.rows()


def read_labelled(content: bytes) -> LabelledRows:
    """A file for training or evaluation.

    Raises:
        InvalidInput: it cannot be read; the message names line and column.
    """
    header, start = split_header(content)
    classes = header.needed_classes()
    if len(header.columns) < 2:
        raise InvalidInput(f"line 3 names {len(header.columns)} column, wanted are features and, last, the target")
    cells, texts = _read(header, content, start, text_at=len(header.columns) - 1)
    places = _places(classes)
    found = {text: places.get(text, places.get(_number(text), -1)) for text in set(texts)}
    unknown = tuple(sorted(text for text, place in found.items() if place < 0))
    target = np.fromiter((found[text] for text in texts), np.int64, len(texts))
    return LabelledRows(header.columns[:-1], classes, cells, target, unknown)


def read_samples(content: bytes) -> SampleRows:
    """A file for prediction.

    Raises:
        InvalidInput: it cannot be read; the message names line and column.
    """
    header, start = split_header(content)
    if len(header.columns) < 2:
        raise InvalidInput(f"line 3 names {len(header.columns)} column, wanted are a sample id and features")
    cells, samples = _read(header, content, start, text_at=0)
    return SampleRows(header.columns[1:], tuple(samples), cells)


def _places(classes: tuple[str, ...]) -> dict[str | float | None, int]:
    """Where a class stands, by its text and by its number: a target of 1.0 is of the class 1."""
    places: dict[str | float | None, int] = {_number(name): place for place, name in enumerate(classes)}
    places.pop(None, None)
    return {**places, **{name: place for place, name in enumerate(classes)}}


def _number(text: str) -> float | None:
    try:
        return float(text)
    except ValueError:
        return None


def _read(header: Header, content: bytes, start: int, text_at: int) -> tuple[Cells, list[str]]:
    """All features, and the one column that is text."""
    cells, texts = read_cells(header, content, start, text_at)
    if not texts:
        raise InvalidInput(_NO_ROWS)
    return cells, texts


def arranged(columns: tuple[str, ...], wanted: tuple[str, ...], features: Floats) -> Floats:
    """Features in the order in which a model has seen them.

    Raises:
        InvalidInput: there are more or fewer than it has seen.
    """
    if columns == wanted:
        return features
    if len(columns) != len(wanted):
        missing = [name for name in wanted if name not in columns]
        told = f"; missing: {some_of(missing)}" if missing else ""
        raise InvalidInput(f"the model was trained on {len(wanted)} features, this file has {len(columns)}{told}")
    if len(set(wanted)) < len(wanted) or set(columns) != set(wanted):
        return features  # Names that changed stand for the same place, as in every file of a model.
    return features[:, [columns.index(name) for name in wanted]]


def relabelled(classes: tuple[str, ...], wanted: tuple[str, ...], target: NDArray[np.int64]) -> NDArray[np.int64]:
    """Places in `classes` as places in `wanted`, which are the same classes in any order; -1 stays."""
    places = np.array([*map(wanted.index, classes), -1])
    return places[target]
