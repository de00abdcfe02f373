"""From rows as objects to columns of values, with a word on whatever is not as in training."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any

import numpy as np

from datasets.tables.cells import reader_of, text_of
from datasets.tables.schema import Column, ColumnType
from inference.tabular.inputs import TableShape
from utils import InvalidInput, plural, some_of

_PLAIN_NUMBERS = {int, float}
_MOST_ERRORS = 20
_LONGEST_NAME = 100


class RowReader:
    """Reads rows for one model.

    Args:
        known: the categories that it knows, by column.
    """

    def __init__(self, shape: TableShape, known: Mapping[str, Sequence[str]]):
        self._shape = shape
        self._names = [column.name for column in shape.columns]
        self._known = {name: frozenset(categories) | {""} for name, categories in known.items()}
        self._ignorable = {*self._names, shape.target}

    def read(self, rows: list[Any], first: int = 1) -> tuple[dict[str, np.ndarray], list[str]]:
        """Columns by name, and warnings.

        Args:
            first: the number of the first row, for messages.

        Raises:
            InvalidInput: a row is no object, a cell cannot be read, or no column of the model is there.
        """
        given = self._given(rows, first)
        warnings = self._warnings(given)
        errors: list[dict[str, str]] = []
        columns = {column.name: self._column(column, rows, first, errors) for column in self._shape.columns}
        if errors:
            shown = "; ".join(error["message"] for error in errors[:3])
            more = f"; and {len(errors) - 3:,} more" if len(errors) > 3 else ""
            raise InvalidInput(shown + more, errors[:_MOST_ERRORS])
        return columns, [*warnings, *self._unseen(columns)]

    def _given(self, rows: list[Any], first: int) -> dict[str, None]:
        given: dict[str, None] = {}
        for number, row in enumerate(rows, first):
            if not isinstance(row, dict):
                raise InvalidInput(f"row {number} must be an object with values by column name, got {row!r:.60}")
            if not given.keys() >= row.keys():
                given.update(dict.fromkeys(row))
        if not any(name in given for name in self._names):
            raise InvalidInput(
                f"none of the columns that the model was trained on is there: it wants {some_of(self._names, 10)}"
            )
        return given

    def _warnings(self, given: dict[str, None]) -> list[str]:
        warnings = []
        if absent := [name for name in self._names if name not in given]:
            warnings.append(f"{plural(len(absent), 'column')} not there, taken as missing: {some_of(absent)}")
        if extra := [name[:_LONGEST_NAME] for name in given if name not in self._ignorable]:
            warnings.append(f"{plural(len(extra), 'column')} that the model does not use: {some_of(extra)}")
        return warnings

    def _column(self, column: Column, rows: list[Any], first: int, errors: list[dict[str, str]]) -> np.ndarray:
        cells = [row.get(column.name) for row in rows]
        if column.type is ColumnType.NUMBER and set(map(type, cells)) <= _PLAIN_NUMBERS:
            values = _plain(cells)
            if values is not None:
                return values
        read, missing = _reader(column)
        remembered: dict[Any, Any] = {}
        values = np.empty(len(cells), dtype=object if column.type is ColumnType.CATEGORY else np.float64)
        for index, cell in enumerate(cells):
            # True and 1 are equal, and say different things.
            key = (type(cell), cell) if isinstance(cell, (str, int, float)) else None
            if key not in remembered or key is None:
                try:
                    value = _encodable(read(text_of(cell, column.number_format)))
                except ValueError as error:
                    errors.append(_error(column, first + index, error))
                    continue
                remembered[key] = missing if value is None else value
            values[index] = remembered[key]
        return values

    def _unseen(self, columns: dict[str, np.ndarray]) -> list[str]:
        """Told by column, with how many cells."""
        warnings = []
        for name, known in self._known.items():
            unseen = [cell for cell in columns[name].tolist() if cell not in known]
            if unseen:
                words = some_of(sorted(set(unseen)), 3)
                count = plural(len(unseen), "category", "categories")
                warnings.append(f"column '{name}': {count} the model does not know, taken as missing: {words}")
        return warnings


def _reader(column: Column) -> tuple[Callable[[str | None], Any], Any]:
    return reader_of(column), "" if column.type is ColumnType.CATEGORY else np.nan


def _encodable(value: Any) -> Any:
    """The same.

    Raises:
        ValueError: half of a surrogate pair, which JSON can hold and the runtime cannot.
    """
    if isinstance(value, str):
        try:
            value.encode()
        except UnicodeEncodeError:
            raise ValueError("must be text of whole Unicode characters, and has half of a surrogate pair") from None
    return value


def _plain(cells: list[Any]) -> np.ndarray | None:
    """Numbers as they are; None when one of them is none that a cell may hold."""
    try:
        values = np.array(cells, dtype=np.float64)
    except OverflowError:
        return None
    return None if np.isinf(values).any() else values


def _error(column: Column, number: int, error: ValueError) -> dict[str, str]:
    return {"field": f"rows.{number}.{column.name}", "message": f"row {number}, column '{column.name}': {error}"}
