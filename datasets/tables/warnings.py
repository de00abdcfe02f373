"""What about the columns of a table a person had better look at."""

from __future__ import annotations

from collections.abc import Collection, Iterator

from datasets.findings import Finding
from datasets.tables.cells import shown
from datasets.tables.profile import ColumnProfile, TableProfile, Unreadable
from datasets.tables.schema import ColumnType, DateFormat, NumberFormat

CONSTANT, MOSTLY_MISSING, IDENTIFIER = "constant", "mostly_missing", "identifier"
MOSTLY_NUMBERS, NUMBERS_OTHERWISE = "mostly_numbers", "numbers_otherwise"
AMBIGUOUS_DATES, AMBIGUOUS_NUMBERS, LEAKS_TARGET = "ambiguous_dates", "ambiguous_numbers", "leaks_target"
_MOSTLY = 0.95
_LEAST_IDENTIFIERS = 20


_COMMA, _THOUSANDS = NumberFormat.DECIMAL_COMMA, NumberFormat.THOUSANDS_COMMA


def table_warnings(profile: TableProfile, said: Collection[str] = ()) -> Iterator[tuple[ColumnProfile, list[Finding]]]:
    """Warnings about each column, whatever the target.

    Args:
        said: names of the columns whose type somebody has set.
    """
    commas = profile.has_decimal_commas
    for column in profile.columns:
        yield column, column_warnings(column, profile.rows, commas, is_said=column.column.name in said)


def column_warnings(profile: ColumnProfile, rows: int, commas: bool = False, is_said: bool = False) -> list[Finding]:
    """Warnings about one column, whatever the target.

    Args:
        commas: other columns of the table are numbers with decimal commas.
        is_said: somebody has set its type, which is a word on what nobody could guess.
    """
    unsure = [] if is_said else [*_unsure_numbers(profile, commas), *_dates(profile)]
    return [*_empty(profile, rows), *_identifier(profile, rows), *_numbers(profile), *unsure]


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
    if profile.otherwise or profile.is_ambiguous or _mistaken(profile):
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
    """The few cells that keep a column from being numbers, by the format by which they are fewest."""
    if profile.column.type is ColumnType.NUMBER or profile.numbers:
        return None
    found = [profile.unreadable.get(ColumnType.NUMBER), *profile.misread.values()]
    few = [mistakes for mistakes in found if mistakes and mistakes.count]
    return min(few, key=lambda mistakes: mistakes.count or 0, default=None)


def _numbers(profile: ColumnProfile) -> Iterator[Finding]:
    name = shown(profile.column.name)
    if mistakes := _mistaken(profile):
        verb = "cell is" if mistakes.count == 1 else "cells are"
        yield Finding(
            MOSTLY_NUMBERS,
            f"the column {name} would be numbers, but {mistakes.count:,} {verb} none, the first "
            f"in row {mistakes.row:,}: {shown(mistakes.text)}: correct or empty these cells and import the file again",
        )
    elif profile.otherwise:
        # What is no number with a point, and what is none with a decimal comma, may be the two ways that are mixed.
        found = [profile.unreadable.get(ColumnType.NUMBER), profile.misread.get(_COMMA), profile.otherwise]
        cells = {item.row: f"row {item.row:,} holds {shown(item.text)}" for item in found if item}
        yield Finding(
            NUMBERS_OTHERWISE,
            f"the column {name} is taken for words, since its numbers are not all written in one way that is read: "
            f"{' and '.join([*cells.values()][:2])}: write all of them as 1234.5, {_COMMA.value} or "
            f"{_THOUSANDS.value}, without a unit, and import the file again",
        )


def _unsure_numbers(profile: ColumnProfile, commas: bool) -> Iterator[Finding]:
    name = shown(profile.column.name)
    if profile.is_ambiguous:
        yield Finding(
            AMBIGUOUS_NUMBERS,
            f"the column {name} looks like numbers, and no row tells whether its commas are decimal ones or stand "
            f"between thousands: set its type to number with the format {_COMMA.value} or {_THOUSANDS.value}",
        )
    elif commas and profile.column.type is ColumnType.NUMBER and profile.numbers.get(_COMMA):
        yield Finding(
            AMBIGUOUS_NUMBERS,
            f"the points in the column {name} are read as decimal ones, and may stand between thousands, since other "
            f"columns have decimal commas: set its type to number, with the format {_COMMA.value} if they do",
        )


def _dates(profile: ColumnProfile) -> Iterator[Finding]:
    if set(profile.dates) == {DateFormat.DAY_SLASHES, DateFormat.MONTH_SLASHES}:
        yield Finding(
            AMBIGUOUS_DATES,
            f"the column {shown(profile.column.name)} looks like dates, and no row tells the day from the month: set "
            f"its type to date with the format {DateFormat.DAY_SLASHES.value} or {DateFormat.MONTH_SLASHES.value}",
        )
