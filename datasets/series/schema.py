"""What the columns of time series are for, and series on disk as a trainer gets them."""

from __future__ import annotations

import json
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Any

from datasets.tables.schema import Column, ColumnType

if TYPE_CHECKING:
    import numpy as np

NORMAL, ANOMALY = 0, 1
LABELS = {"0": NORMAL, "false": NORMAL, "normal": NORMAL, "1": ANOMALY, "true": ANOMALY, "anomaly": ANOMALY}


@dataclass(frozen=True)
class SeriesSchema:
    """The columns of a table of readings and what they are for.

    Attributes:
        columns: in the order of the file.
        time: name of the column that says when; None where rows are in order.
        series: name of the column that tells several series apart; None for one series.
        label: name of the column that says what was an anomaly; None where nobody has said.
        ignored: names of columns that are not learned from.
    """

    columns: tuple[Column, ...]
    time: str | None = None
    series: str | None = None
    label: str | None = None
    ignored: frozenset[str] = frozenset()

    @cached_property
    def sensors(self) -> tuple[str, ...]:
        """Columns of numbers that are none of these, in the order of the file."""
        others = {self.time, self.series, self.label, *self.ignored}
        return tuple(
            column.name for column in self.columns if column.type is ColumnType.NUMBER and column.name not in others
        )

    def column(self, name: str) -> Column:
        """The column of this name."""
        return next(column for column in self.columns if column.name == name)

    def as_fields(self) -> dict[str, Any]:
        """As plain values, always the same for equal schemas; `of` gives it back."""
        columns = [column.as_fields() for column in self.columns]
        roles = {"time": self.time, "series": self.series, "label": self.label}
        return {"columns": columns, **roles, "ignored": sorted(self.ignored)}

    @classmethod
    def of(cls, fields: dict[str, Any]) -> SeriesSchema:
        """Back from what `as_fields` made of it."""
        columns = tuple(Column.of(column) for column in fields["columns"])
        return cls(columns, fields["time"], fields["series"], fields["label"], frozenset(fields["ignored"]))


@dataclass(frozen=True)
class SeriesRows:
    """The rows of one series, by time; rows that are left out are not among them.

    Attributes:
        name: its cell in the series column; empty for rows without one, and where there is no such column.
        times: float64 [n], seconds since 1970-01-01 UTC, never falling; None without a time column.
        values: float64 [n, sensors]; NaN where a sample is missing.
        labels: uint8 [n], 0 normal and 1 anomaly; None without a label column.
        parts: uint8 [n], 0 train, 1 val, 2 test.
        rows: int64 [n], number of each row in the file, from 0.
    """

    name: str
    times: np.ndarray | None
    values: np.ndarray
    labels: np.ndarray | None
    parts: np.ndarray
    rows: np.ndarray


@dataclass(frozen=True)
class SeriesDataset:
    """Time series on disk, split; what a trainer gets.

    Attributes:
        path: a Parquet file with every column as text, exactly as it was in the data file; null where nothing was.
        parts: a Parquet file of as many rows with one uint8 column `part`: 0 train, 1 val, 2 test, 3 left out.
        digest: SHA-256 over content and settings.
        val_is_train: there were too few rows to hold any back, so `val` repeats `train`; in `parts` they are train.
    """

    project_type: str
    schema: SeriesSchema
    path: Path
    parts: Path
    digest: str
    val_is_train: bool
    train_rows: int
    val_rows: int
    test_rows: int

    def series(self) -> list[SeriesRows]:
        """All series, by name."""
        from datasets.series.reading import read_series

        return read_series(self.schema, self.path, self.parts)

    def write(self, path: Path) -> None:
        """Write as JSON; `read` gives it back. The files that it names stay where they are."""
        fields = {**vars(self), "schema": self.schema.as_fields()}
        path.write_text(json.dumps(fields, default=str))

    @classmethod
    def read(cls, path: Path) -> SeriesDataset:
        """Read what `write` wrote."""
        fields: dict[str, Any] = json.loads(path.read_text())
        paths = {name: Path(fields[name]) for name in ("path", "parts")}
        return cls(**{**fields, **paths, "schema": SeriesSchema.of(fields["schema"])})
