"""What the columns of a table are for, and a table on disk as a trainer gets it."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass
from enum import Enum
from pathlib import Path
from typing import Any

TRAIN_PART, VAL_PART, TEST_PART, LEFT_OUT_PART = range(4)


class ColumnType(str, Enum):
    """How the cells of a column are read; `text` is free text or identifiers, and never a feature."""

    NUMBER = "number"
    CATEGORY = "category"
    DATE = "date"
    TEXT = "text"


class Task(str, Enum):
    """What is learned: one of several classes, or a number."""

    CLASSIFICATION = "classification"
    REGRESSION = "regression"


class DateFormat(str, Enum):
    """How dates are written that are not by ISO 8601; which of them a column uses shows only in the whole of it."""

    DAY_DOTS = "DD.MM.YYYY"
    DAY_SLASHES = "DD/MM/YYYY"
    MONTH_SLASHES = "MM/DD/YYYY"


class NumberFormat(str, Enum):
    """How numbers are written that are not all as `1234.5`; spaces or apostrophes may stand between thousands too."""

    DECIMAL_COMMA = "1.234,5"
    THOUSANDS_COMMA = "1,234.5"


@dataclass(frozen=True)
class Column:
    """One column.

    Attributes:
        date_format: for a column of dates, what is read beside ISO 8601; None for nothing else.
        number_format: for a column of numbers, how all of them are written; None for a point and nothing between
            thousands.
    """

    name: str
    type: ColumnType
    date_format: DateFormat | None = None
    number_format: NumberFormat | None = None

    def as_fields(self) -> dict[str, Any]:
        """As plain values; `of` gives it back."""
        fields = {"name": self.name, "type": self.type.value, "date_format": _value(self.date_format)}
        # Only where there is one, so that digests of tables without stay what they were.
        return {**fields, "number_format": self.number_format.value} if self.number_format else fields

    def as_read(self) -> dict[str, str | None]:
        """How it is read, as plain values."""
        formats = {"date_format": _value(self.date_format), "number_format": _value(self.number_format)}
        return {"type": self.type.value, **formats}

    @classmethod
    def of(cls, fields: Mapping[str, Any]) -> Column:
        """Back from what `as_fields` or `dataclasses.asdict` made of it."""
        date_format, number_format = fields.get("date_format"), fields.get("number_format")
        return cls(
            fields["name"],
            ColumnType(fields["type"]),
            DateFormat(date_format) if date_format else None,
            NumberFormat(number_format) if number_format else None,
        )


def _value(item: Enum | None) -> str | None:
    return None if item is None else str(item.value)


@dataclass(frozen=True)
class TableSchema:
    """The columns of a table and what they are for.

    Attributes:
        columns: in the order of the file, the target among them.
        target: the name of the column that is predicted.
        ignored: names of columns that are not learned from.
        group: the name of the column whose equal cells must stay on one side of the split; no feature.
        split: the name of the column that says in which part a row is; no feature.
    """

    columns: tuple[Column, ...]
    target: str
    ignored: frozenset[str] = frozenset()
    group: str | None = None
    split: str | None = None

    @property
    def features(self) -> tuple[Column, ...]:
        """What is learned from: all but the target, what is ignored, group and split, and text."""
        return tuple(
            column
            for column in self.columns
            if column.name not in {self.target, self.group, self.split, *self.ignored}
            and column.type is not ColumnType.TEXT
        )

    def features_of(self, *types: ColumnType) -> tuple[Column, ...]:
        """The features of these types, in the order of the file."""
        return tuple(column for column in self.features if column.type in types)

    @property
    def target_column(self) -> Column:
        """The column that is predicted."""
        return next(column for column in self.columns if column.name == self.target)

    def as_fields(self) -> dict[str, Any]:
        """As plain values, always the same for equal schemas; `of` gives it back."""
        columns = [column.as_fields() for column in self.columns]
        fields = {"columns": columns, "target": self.target, "ignored": sorted(self.ignored), "group": self.group}
        # Only where there is one, so that digests of tables without stay what they were.
        return {**fields, "split": self.split} if self.split is not None else fields

    @classmethod
    def of(cls, fields: dict[str, Any]) -> TableSchema:
        """Back from what `as_fields` made of it."""
        columns = tuple(Column.of(column) for column in fields["columns"])
        return cls(columns, fields["target"], frozenset(fields["ignored"]), fields["group"], fields.get("split"))


@dataclass(frozen=True)
class TableDataset:
    """A table on disk, split; what a trainer gets.

    Attributes:
        classes: sorted; none for regression.
        path: a Parquet file with every column as text, exactly as it was in the data file; null where nothing was.
        parts: a Parquet file of as many rows with one uint8 column `part`: 0 train, 1 val, 2 test, 3 left out.
        digest: SHA-256 over content and settings.
        val_is_train: there were too few rows to hold any back, so `val` repeats `train` and every metric is of rows
            the model has seen; in `parts` they are train.
    """

    project_type: str
    schema: TableSchema
    task: Task
    classes: tuple[str, ...]
    path: Path
    parts: Path
    digest: str
    val_is_train: bool
    train_rows: int
    val_rows: int
    test_rows: int

    def write(self, path: Path) -> None:
        """Write as JSON; `read` gives it back. The files that it names stay where they are."""
        fields = {**vars(self), "schema": self.schema.as_fields()}
        path.write_text(json.dumps(fields, default=str))

    @classmethod
    def read(cls, path: Path) -> TableDataset:
        """Read what `write` wrote."""
        fields: dict[str, Any] = json.loads(path.read_text())
        return cls(
            **{
                **fields,
                "schema": TableSchema.of(fields["schema"]),
                "task": Task(fields["task"]),
                "classes": tuple(fields["classes"]),
                "path": Path(fields["path"]),
                "parts": Path(fields["parts"]),
            }
        )
