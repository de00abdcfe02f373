"""What somebody has said of time series: when a row was read, of which series it is, what was an anomaly."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field, replace
from typing import Any, ClassVar, Literal

from datasets.series.guessing import guess, is_label_of
from datasets.series.schema import SeriesSchema
from datasets.tables.cells import shown
from datasets.tables.profile import ColumnProfile, TableProfile
from datasets.tables.rows_file import ReadRange, RowIndex
from datasets.tables.schema import Column, ColumnType
from datasets.tables.settings import (
    TypeWish,
    first_unreadable,
    read_as,
    refuse,
    type_rows,
    types_of,
    unfit_types,
    unknown,
)
from utils import some_of

MOST_SERIES = 10_000
_ROLES = ("time", "series", "label")


@dataclass(frozen=True)
class SeriesSettings:
    """Settings of time series; names are those of columns.

    Attributes:
        time: says when a row was read; None where rows are in order, at even steps.
        series: tells several series apart, such as machines; None for one.
        label: says of each row whether it was an anomaly; None where nobody has said.
        types: of columns that are to be read otherwise than was found out.
    """

    FIELDS: ClassVar[tuple[str, ...]] = (*_ROLES, "ignored", "types")

    time: str | None = None
    series: str | None = None
    label: str | None = None
    ignored: tuple[str, ...] = ()
    types: Mapping[str, TypeWish] = field(default_factory=dict)

    @classmethod
    def begin(cls, profile: TableProfile) -> SeriesSettings:
        """Those of new data, see `datasets.series.guessing`."""
        found = guess(profile)
        return cls(time=found.time, label=found.label, ignored=found.ignored)

    def to_row(self) -> dict[str, Any]:
        """As the database keeps them."""
        roles = {role: getattr(self, role) for role in _ROLES}
        return {**roles, "ignored": list(self.ignored), "types": type_rows(self.types)}

    @classmethod
    def of(cls, row: Mapping[str, Any]) -> SeriesSettings:
        """What `to_row` gave."""
        return cls(row["time"], row["series"], row["label"], tuple(row["ignored"]), types_of(row["types"]))

    def columns(self, found: Iterable[Column]) -> tuple[Column, ...]:
        """The columns as they are to be read."""
        return read_as(self.types, found)

    def schema(self, found: Iterable[Column]) -> SeriesSchema:
        """Columns and what they are for."""
        return SeriesSchema(self.columns(found), self.time, self.series, self.label, frozenset(self.ignored))

    def kept(self, names: Iterable[str]) -> SeriesSettings:
        """Those that are about columns of these names, for a table that replaces another."""
        there = set(names)
        roles = {role: name if (name := getattr(self, role)) in there else None for role in _ROLES}
        ignored = tuple(name for name in self.ignored if name in there)
        return replace(
            self, **roles, ignored=ignored, types={name: wish for name, wish in self.types.items() if name in there}
        )

    def check(self, profile: TableProfile) -> None:
        """See that settings are about columns that there are, and fit to what these hold.

        Raises:
            InvalidInput: with one entry in `errors` for each bad field.
        """
        said = {role: [getattr(self, role)] for role in _ROLES}
        errors = [*unknown({**said, "ignored": self.ignored, "types": self.types}, profile)]
        refuse(errors or [*unfit_types(self.types, profile), *self._clashes(), *self._unfit(profile)])

    def _clashes(self) -> Iterable[tuple[str, str]]:
        """Columns that are to be two things at once."""
        taken: dict[str, str] = {}
        for role in _ROLES:
            name = getattr(self, role)
            if name is None:
                continue
            if name in self.ignored:
                yield "ignored", f"ignored: {shown(name)} is the {role} column, which cannot be ignored"
            if name in taken:
                yield role, f"{role}: {shown(name)} is the {taken[name]} column already: one column is one thing"
            taken[name] = role

    def _unfit(self, profile: TableProfile) -> Iterable[tuple[str, str]]:
        if self.time is not None and (problem := self._no_time(profile.of(self.time))):
            yield "time", f"time: {shown(self.time)} says no times: {problem}"
        if self.series is not None and not profile.of(self.series).distinct_is_exact:
            yield (
                "series",
                f"series: {shown(self.series)} has more than {MOST_SERIES:,} values, which are too many series",
            )
        if self.label is not None and (problem := _no_label(self._read(profile.of(self.label)))):
            yield "label", f"label: {shown(self.label)} {problem}: wanted 0 or 1, false or true, normal or anomaly"

    def _read(self, column: ColumnProfile) -> ColumnProfile:
        return column.read_as(self.columns([column.column])[0])

    def _no_time(self, column: ColumnProfile) -> str | None:
        if self.columns([column.column])[0].type in (ColumnType.DATE, ColumnType.NUMBER):
            return None
        formats = " or ".join(date_format.value for date_format in column.dates if date_format)
        if formats:
            return f"its dates have the format {formats}: say which in `types`"
        if column.is_ambiguous:
            formats = " or ".join(number_format.value for number_format in column.numbers)
            return f"its numbers have the format {formats}: say which in `types`"
        why = first_unreadable(column, ColumnType.DATE) or first_unreadable(column, ColumnType.NUMBER)
        return f"{why or 'it has no value'}: wanted dates by ISO 8601 or seconds as numbers"

    def findings(self, profile: TableProfile, index: RowIndex, read: ReadRange) -> list[dict[str, Any]]:
        """What they make of the rows, as a table keeps it: gaps, times that go back and the like, of the first rows."""
        if self.time is None:
            return []
        from datasets.series.timing import findings

        found = findings(self.schema(column.column for column in profile.columns), index, read)
        return [{"name": self.time, "code": item.code, "message": item.message} for item in found]

    def role_of(self, column: Column) -> Literal["time", "series", "label", "ignored", "sensor", "text"]:
        """What a column is used for."""
        if column.name == self.time:
            return "time"
        if column.name == self.series:
            return "series"
        if column.name == self.label:
            return "label"
        if column.name in self.ignored:
            return "ignored"
        return "sensor" if column.type is ColumnType.NUMBER else "text"

    def task_now(self, profile: TableProfile) -> None:
        """There is no choice."""


def _no_label(column: ColumnProfile) -> str | None:
    odd = [value for value, _ in column.values if not is_label_of(column, value)]
    if odd:
        return f"holds {some_of([value[:40] for value in odd], 3)}"
    if not column.values_are_all:
        return f"has {column.distinct:,} different values"
    return None if column.values else "has no value"
