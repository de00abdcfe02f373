"""What about the columns of a table a person had better look at."""

from __future__ import annotations

from collections.abc import Iterator

from datasets.findings import Finding
from datasets.tables.cells import shown
from datasets.tables.profile import ColumnProfile, Unreadable
from datasets.tables.schema import ColumnType, DateFormat

CONSTANT, MOSTLY_MISSING, IDENTIFIER = "constant", "mostly_missing", "identifier"
MOSTLY_NUMBERS, NUMBERS_OTHERWISE = "mostly_numbers", "numbers_otherwise"
AMBIGUOUS_DATES, LEAKS_TARGET = "ambiguous_dates", "leaks_target"
_MOSTLY = 0.95
_LEAST_IDENTIFIERS = 20


def column_warnings(profile: ColumnProfile, rows: int) -> list[Finding]:
    """Warnings about one column, whatever the target."""
    return [*_empty(profile, rows), *_identifier(profile, rows), *_numbers(profile), *_dates(profile)]


def _empty(profile: ColumnProfile, rows: int) -> Iterator[Finding]:
    name = shown(profile.column.name)
    if profile.distinct == 1 and profile.distinct_is_exact:
        yield Finding(
            CONSTANT, f"the column {name} has the same value in every row that has one: nothing is learned from it"
        )
    if rows and profile.missing >= _MOSTLY * rows:
        share = (
            "no value at all" if profile.missing == rows else f"a value in {rows - profile.missing:,} of {rows:,} rows"
        )
        yield Finding(MOSTLY_MISSING, f"the column {name} has {share}: leave it out, or fill it")


def _identifier(profile: ColumnProfile, rows: int) -> Iterator[Finding]:
    present = rows - profile.missing
    if profile.repeats or present < _LEAST_IDENTIFIERS or profile.column.type is ColumnType.DATE:
        return
    if profile.otherwise or _mistaken(profile):
        return
    # Measurements with many digits are different in every row as well.
    if profile.column.type is ColumnType.NUMBER and not (profile.summary and profile.summary.whole):
        return
    yield Finding(
        IDENTIFIER,
        f"the column {shown(profile.column.name)} is different in every row, as identifiers are: leave it out "
        "(ignored) if it says nothing about new rows",
    )


def _mistaken(profile: ColumnProfile) -> Unreadable | None:
    """The few cells that keep a column from being numbers."""
    mistakes = profile.unreadable.get(ColumnType.NUMBER)
    return mistakes if mistakes and mistakes.count and profile.column.type is not ColumnType.NUMBER else None


def _numbers(profile: ColumnProfile) -> Iterator[Finding]:
    name = shown(profile.column.name)
    if mistakes := _mistaken(profile):
        verb = "cell is" if mistakes.count == 1 else "cells are"
        yield Finding(
            MOSTLY_NUMBERS,
            f"the column {name} would be numbers, but {mistakes.count:,} {verb} none, the first "
            f"in row {mistakes.row:,}: {shown(mistakes.text)}: correct or empty these cells and import the file again",
        )
    elif otherwise := profile.otherwise:
        yield Finding(
            NUMBERS_OTHERWISE,
            f"the column {name} is taken for words, since its numbers are written otherwise than they are read, the "
            f"first in row {otherwise.row:,}: {shown(otherwise.text)}: write them as 1234.5, with a point, nothing "
            "between thousands and no unit, and import the file again",
        )


def _dates(profile: ColumnProfile) -> Iterator[Finding]:
    if set(profile.dates) == {DateFormat.DAY_SLASHES, DateFormat.MONTH_SLASHES}:
        yield Finding(
            AMBIGUOUS_DATES,
            f"the column {shown(profile.column.name)} looks like dates, and no row tells the day from the month: set "
            f"its type to date with the format {DateFormat.DAY_SLASHES.value} or {DateFormat.MONTH_SLASHES.value}",
        )
