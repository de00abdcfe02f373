"""What is known of the columns of a table: computed once, when it is imported, and stored beside it."""

from __future__ import annotations

import gzip
import json
from collections.abc import Sequence
from dataclasses import asdict, dataclass, field, replace
from typing import Any

from datasets.tables.schema import Column, ColumnType, DateFormat, NumberFormat

MOST_DISTINCT = 10_000
SHOWN_VALUES = 20
BINS = 20
QUANTILES = (0.01, 0.05, 0.25, 0.5, 0.75, 0.95, 0.99)
_FORMAT = "table profile 1"


@dataclass(frozen=True)
class Unreadable:
    """Cells that are no values of a type.

    Attributes:
        row: of the first of them, from 1.
        text: what stands there.
        count: how many there are; None where nobody has counted, since they are many.
    """

    row: int
    text: str
    count: int | None = None


@dataclass(frozen=True)
class Summary:
    """Of numbers, or of dates as days since 1970-01-01 UTC.

    Attributes:
        quantiles: at `QUANTILES`; of a table of more than 200,000 rows those of evenly spaced ones.
        whole: every number is an integer.
        rising: each is greater than the one in the row before.
        bins: counts in parts of equal width from `least` to `most`.
    """

    least: float
    most: float
    mean: float
    quantiles: tuple[float, ...]
    whole: bool
    rising: bool
    bins: tuple[int, ...] = ()

    def edges(self, parts: int = BINS) -> tuple[float, ...]:
        """Of the bins: least, most, and what lies between them in equal steps."""
        shares = [place / parts for place in range(1, parts)]
        # Their difference may be more than a number can be.
        between = [self.least * (1 - share) + self.most * share for share in shares]
        return (self.least, *between, self.most)


@dataclass(frozen=True)
class ColumnProfile:
    """One column.

    Attributes:
        missing: rows without a value.
        distinct: different values, up to `MOST_DISTINCT`; `distinct_is_exact` says whether there are no more.
        values: the most frequent of those, each with how often it is there.
        repeats: some value is there more than once, as far as values are counted.
        summary: of numbers and dates only.
        unreadable: by type, what keeps the column from being of it.
        dates: formats by which every cell is a date; none for ISO 8601.
        otherwise: where nearly all cells are numbers, those that are written otherwise than they are read.
        numbers: formats, beside that with a point only, by which every cell is a number; each with what these numbers
            are, None where they are those of `summary`.
        misread: by the other of these formats, what keeps the column from being numbers.
    """

    column: Column
    missing: int
    distinct: int
    distinct_is_exact: bool
    values: tuple[tuple[str, int], ...]
    repeats: bool
    summary: Summary | None = None
    unreadable: dict[ColumnType, Unreadable] = field(default_factory=dict)
    dates: tuple[DateFormat | None, ...] = ()
    otherwise: Unreadable | None = None
    numbers: dict[NumberFormat, Summary | None] = field(default_factory=dict)
    misread: dict[NumberFormat, Unreadable] = field(default_factory=dict)

    @property
    def values_are_all(self) -> bool:
        """Whether `values` leaves none out."""
        return self.distinct_is_exact and len(self.values) == self.distinct

    @property
    def is_ambiguous(self) -> bool:
        """Whether its cells are other numbers by another format, so that none is guessed."""
        return self.column.type is not ColumnType.NUMBER and bool(self.numbers)

    def read_as(self, read: Column) -> ColumnProfile:
        """The same where the column is read as numbers by another format than was found."""
        if read.type is not ColumnType.NUMBER or read.number_format is None:
            return self
        return replace(self, column=read, summary=self.numbers.get(read.number_format) or self.summary)

    @classmethod
    def of(cls, row: dict[str, Any]) -> ColumnProfile:
        """Back from what `dataclasses.asdict` and JSON made of it."""
        return cls(
            **{
                **row,
                "column": Column.of(row["column"]),
                "values": tuple((value, count) for value, count in row["values"]),
                "summary": _summary(row["summary"]),
                "unreadable": {ColumnType(name): Unreadable(**item) for name, item in row["unreadable"].items()},
                "dates": tuple(name and DateFormat(name) for name in row["dates"]),
                # Profiles of earlier versions have none.
                "otherwise": Unreadable(**row["otherwise"]) if row.get("otherwise") else None,
                "numbers": {NumberFormat(name): _summary(item) for name, item in row.get("numbers", {}).items()},
                "misread": {NumberFormat(name): Unreadable(**item) for name, item in row.get("misread", {}).items()},
            }
        )


def _summary(row: dict[str, Any] | None) -> Summary | None:
    return Summary(**{**row, "quantiles": tuple(row["quantiles"]), "bins": tuple(row["bins"])}) if row else None


@dataclass(frozen=True)
class TableProfile:
    """All columns of a table of so many rows."""

    rows: int
    columns: tuple[ColumnProfile, ...]

    @property
    def has_decimal_commas(self) -> bool:
        """Whether numbers of some column are only such with a comma for decimals."""
        return any(column.column.number_format is NumberFormat.DECIMAL_COMMA for column in self.columns)

    def of(self, name: str) -> ColumnProfile:
        """The column of this name."""
        return next(profile for profile in self.columns if profile.column.name == name)

    def to_bytes(self) -> bytes:
        """Compressed JSON."""
        document = {"format": _FORMAT, "rows": self.rows, "columns": [asdict(column) for column in self.columns]}
        return gzip.compress(json.dumps(document, ensure_ascii=False).encode(), compresslevel=3, mtime=0)

    @classmethod
    def from_bytes(cls, content: bytes) -> TableProfile:
        """Read what `to_bytes` wrote.

        Raises:
            ValueError: it is of another format, or damaged.
        """
        try:
            document = json.loads(gzip.decompress(content))
            if document["format"] != _FORMAT:
                raise ValueError(f"format {document['format']}")
            return cls(document["rows"], tuple(map(ColumnProfile.of, document["columns"])))
        except (OSError, EOFError, KeyError, TypeError) as error:
            raise ValueError(f"{type(error).__name__}: {error}") from error


def kept_values(columns: Sequence[object]) -> int:
    """How many values of each column are kept: fewer the more columns there are."""
    return max(SHOWN_VALUES, min(1000, 200_000 // len(columns)))
