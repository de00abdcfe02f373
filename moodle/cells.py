"""Rows of a data file as numbers: the fast way for large files, and the careful one that tells what is wrong."""

from __future__ import annotations

import csv
import io
from collections.abc import Iterator

import numpy as np
from numpy.typing import NDArray

from moodle.header import HEADER_LINES, Header
from utils import InvalidInput

Read = tuple[NDArray[np.float64], list[str]]


def read_fast(header: Header, rows: bytes, text_at: int) -> Read | None:
    """Features [rows, columns] and the texts of one column, by polars.

    Returns:
        None for a file that it does not understand at once, which is then read with care.
    """
    import polars

    if b'"' in rows:  # quotes may hold line breaks
        return None
    names = [str(place) for place in range(len(header.columns))]
    schema = {name: polars.String if place == text_at else polars.Float64 for place, name in enumerate(names)}
    try:
        frame = polars.read_csv(io.BytesIO(rows), has_header=False, schema=schema)
    except polars.exceptions.PolarsError:
        return None
    texts = frame[names[text_at]]
    if texts.null_count():
        return None  # blank lines, or rows that are too short
    values = frame.drop(names[text_at]).fill_null(0.0).to_numpy()
    return values.astype(np.float64, copy=False), texts.str.strip_chars().to_list()


def read_careful(header: Header, rows: bytes, text_at: int) -> Read:
    """The same, cell by cell.

    Raises:
        InvalidInput: a row or a cell is not what it must be; the message names line and column.
    """
    values, texts = [], []
    for line, cells in _lines(rows):
        if len(cells) != len(header.columns):
            raise InvalidInput(f"line {line} has {len(cells)} cells, line 3 names {len(header.columns)} columns")
        texts.append(cells.pop(text_at).strip())
        if not texts[-1]:
            raise InvalidInput(f"line {line} has nothing in column '{header.columns[text_at]}', wanted is a value")
        values.append(_numbers(cells, line, header, text_at))
    return np.array(values, np.float64).reshape(len(texts), len(header.columns) - 1), texts


def _lines(rows: bytes) -> Iterator[tuple[int, list[str]]]:
    """Line numbers and cells; blank lines are none."""
    try:
        reader = csv.reader(io.StringIO(rows.decode("utf-8"), newline=""), strict=True)
        for cells in reader:
            if any(cell.strip() for cell in cells):
                yield reader.line_num + HEADER_LINES, cells
    except (UnicodeDecodeError, csv.Error) as error:
        raise InvalidInput(f"the data file is no CSV in UTF-8: {str(error)[:100]}") from None


def _numbers(cells: list[str], line: int, header: Header, text_at: int) -> list[float]:
    try:
        return [float(cell) if cell else 0.0 for cell in cells]
    except ValueError:
        return [_number(cell, line, header.columns[at + (at >= text_at)]) for at, cell in enumerate(cells)]


def _number(cell: str, line: int, column: str) -> float:
    try:
        return float(cell) if cell.strip() else 0.0
    except ValueError:
        wanted = f"line {line}, column '{column[:100]}': wanted is a number"
        raise InvalidInput(f"{wanted}, got {cell[:50]!r}") from None
