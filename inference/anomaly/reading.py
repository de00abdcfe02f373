"""Rows of readings from objects to numbers, and when they were read."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from datasets.series.times import iso_time, time_reader
from datasets.tables.cells import number_of, text_of
from datasets.tables.schema import Column, ColumnType, NumberFormat
from utils import InvalidInput, some_of

_PLAIN = {int, float, type(None)}
_MOST_ERRORS = 20
_BY_ISO = {"type": ColumnType.DATE.value}


class ReadingReader:
    """Reads the rows that one model judges.

    Args:
        sensors: names of its columns, in the order of its input.
        time: name of the column with times; None for none.
        time_column: how that column is written, as `Column.as_fields`.
        number_formats: of sensors whose numbers are not written with a point only, by name.
    """

    def __init__(
        self,
        sensors: Sequence[str],
        time: str | None,
        time_column: Mapping[str, Any] | None = None,
        number_formats: Mapping[str, str] | None = None,
    ):
        self._sensors = list(sensors)
        self._time = time
        self._formats = {name: NumberFormat(written) for name, written in (number_formats or {}).items()}
        self._read_time = time_reader(Column.of({**_BY_ISO, **(time_column or {}), "name": time or ""}))
        self._read_number = time_reader(Column(time or "", ColumnType.NUMBER))

    def values(self, rows: Sequence[Any], first: int = 1) -> np.ndarray:
        """float64 [n, sensors]; NaN where a reading is missing.

        Args:
            first: number of the first row, for messages.

        Raises:
            InvalidInput: a row is no object, holds none of the sensors, or a reading that is no number; names row and
                column.
        """
        for number, row in enumerate(rows, first):
            if not isinstance(row, Mapping):
                raise InvalidInput(f"row {number} must be an object with values by sensor, got {row!r:.60}")
        if rows and not any(name in row for row in rows for name in self._sensors):
            wanted = some_of(self._sensors, 10)
            raise InvalidInput(f"none of the sensors that the model was trained on is there: it wants {wanted}")
        errors: list[dict[str, str]] = []
        columns = [self._column(name, [row.get(name) for row in rows], first, errors) for name in self._sensors]
        _refuse(errors)
        return np.stack(columns, 1)

    def seconds(self, rows: Sequence[Mapping[str, Any]], first: int = 1) -> np.ndarray:
        """float64 [n], seconds since 1970-01-01 UTC; NaN where a row says no time.

        Raises:
            InvalidInput: what stands there is no time; names row and column.
        """
        if self._time is None:
            return np.full(len(rows), math.nan)
        errors: list[dict[str, str]] = []
        times = [self._seconds(row.get(self._time), number, errors) for number, row in enumerate(rows, first)]
        _refuse(errors)
        return np.array(times, dtype=float)

    def _column(self, name: str, cells: list[Any], first: int, errors: list[dict[str, str]]) -> np.ndarray:
        if set(map(type, cells)) <= _PLAIN:
            try:
                values = np.array(cells, dtype=float)
            except OverflowError:
                values = np.array([math.inf])
            if not np.isinf(values).any():
                return values
        read, written = np.full(len(cells), math.nan), self._formats.get(name)
        for index, cell in enumerate(cells):
            try:
                value = number_of(text_of(cell, written), written)
                read[index] = math.nan if value is None else value
            except ValueError as error:
                errors.append(_error(name, first + index, error))
        return read

    def _seconds(self, cell: Any, number: int, errors: list[dict[str, str]]) -> float:
        try:
            # A message may bring a clock's number where the file had dates.
            is_number = isinstance(cell, (int, float)) and not isinstance(cell, bool)
            value = (self._read_number if is_number else self._read_time)(text_of(cell))
            if value is not None and iso_time(value) is None:
                raise ValueError(f"must be a time in the years 1 to 9999, got {text_of(cell)}")
            return math.nan if value is None else value
        except ValueError as error:
            errors.append(_error(self._time or "", number, error))
            return math.nan


def iso(seconds: float) -> str | None:
    """ISO 8601 by UTC; None for NaN."""
    return None if math.isnan(seconds) else iso_time(seconds)


def _refuse(errors: list[dict[str, str]]) -> None:
    if errors:
        shown = "; ".join(error["message"] for error in errors[:3])
        more = f"; and {len(errors) - 3:,} more" if len(errors) > 3 else ""
        raise InvalidInput(shown + more, errors[:_MOST_ERRORS])


def _error(name: str, number: int, error: ValueError) -> dict[str, str]:
    return {"field": f"rows.{number}.{name}", "message": f"row {number}, column '{name}': {error}"}
