"""Moodle's data files: a header, then rows of numbers with a target behind them or a sample id before them."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from moodle.cells import read_careful, read_fast
from moodle.header import Header, split_header
from utils import InvalidInput, some_of

Floats = NDArray[np.float32]
_LARGEST = np.float64(np.finfo(np.float32).max)
# Below this, reading cell by cell is faster than starting polars.
_SMALL_BYTES = 256 * 1024
_NO_ROWS = "the data file has no rows: wanted is at least one below the three lines of its header"


@dataclass(frozen=True)
class LabelledRows:
    """Rows to learn from.

    Attributes:
        features: float32 [rows, columns]; finite.
        target: int64 [rows], places in `classes`; -1 for a value that the header does not name.
        unknown: values of the target that the header does not name.
    """

    columns: tuple[str, ...]
    classes: tuple[str, ...]
    features: Floats
    target: NDArray[np.int64]
    unknown: tuple[str, ...]


@dataclass(frozen=True)
class SampleRows:
    """Rows to predict for; `features` is float32 [rows, columns], finite."""

    columns: tuple[str, ...]
    samples: tuple[str, ...]
    features: Floats


def read_labelled(content: bytes) -> LabelledRows:
    """A file for training or evaluation.

    Raises:
        InvalidInput: it cannot be read; the message names line and column.
    """
    header, rows = split_header(content)
    classes = header.needed_classes()
    if len(header.columns) < 2:
        raise InvalidInput(f"line 3 names {len(header.columns)} column, wanted are features and, last, the target")
    features, texts = _read(header, rows, text_at=len(header.columns) - 1)
    places = _places(classes)
    found = {text: places.get(text, places.get(_number(text), -1)) for text in set(texts)}
    unknown = tuple(sorted(text for text, place in found.items() if place < 0))
    target = np.fromiter((found[text] for text in texts), np.int64, len(texts))
    return LabelledRows(header.columns[:-1], classes, features, target, unknown)


def read_samples(content: bytes) -> SampleRows:
    """A file for prediction.

    Raises:
        InvalidInput: it cannot be read; the message names line and column.
    """
    header, rows = split_header(content)
    if len(header.columns) < 2:
        raise InvalidInput(f"line 3 names {len(header.columns)} column, wanted are a sample id and features")
    features, samples = _read(header, rows, text_at=0)
    return SampleRows(header.columns[1:], tuple(samples), features)


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


def _read(header: Header, rows: bytes, text_at: int) -> tuple[Floats, list[str]]:
    """All features, and the one column that is text."""
    read = read_fast(header, rows, text_at) if len(rows) > _SMALL_BYTES else None
    values, texts = read or read_careful(header, rows, text_at)
    if not texts:
        raise InvalidInput(_NO_ROWS)
    # A blank cell is 0 by the protocol; what float32 cannot hold is its largest.
    values = np.nan_to_num(values, nan=0.0, posinf=_LARGEST, neginf=-_LARGEST)
    return np.clip(values, -_LARGEST, _LARGEST).astype(np.float32), texts


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
