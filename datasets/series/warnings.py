"""What about the columns of readings a person had better look at before a training."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Iterator

from datasets.findings import Finding
from datasets.series.guessing import (
    always_rises,
    is_label_of,
    is_spoilt_label,
    label_word,
    looks_like_time,
    sounds_like_time,
)
from datasets.series.schema import SeriesSchema
from datasets.tables.cells import is_number, shown
from datasets.tables.profile import ColumnProfile, TableProfile
from datasets.tables.schema import ColumnType
from datasets.tables.settings import first_unreadable
from datasets.tables.warnings import (
    AMBIGUOUS_DATES,
    AMBIGUOUS_NUMBERS,
    CONSTANT,
    MOSTLY_MISSING,
    MOSTLY_NUMBERS,
    NUMBERS_OTHERWISE,
    table_warnings,
)

# A sensor may well be different in every row.
_TOLD = {MOSTLY_MISSING, MOSTLY_NUMBERS, AMBIGUOUS_NUMBERS}
_UNREAD = {MOSTLY_NUMBERS, NUMBERS_OTHERWISE, AMBIGUOUS_DATES, AMBIGUOUS_NUMBERS}
_MOSTLY = 0.9
_FEWEST_NUMBERS = 20


def warnings(schema: SeriesSchema, profile: TableProfile, said: Collection[str] = ()) -> Iterator[Finding]:
    """Of all columns in their order.

    Args:
        said: as of `table_warnings`.
    """
    sensors = set(schema.sensors)
    read = {column.name: column for column in schema.columns}
    for found, told in table_warnings(profile, said):
        name = found.column.name
        column = found.read_as(read[name])
        if name == schema.label:
            yield from _unlabelled(column, profile.rows)
        elif is_spoilt_label(column) and name not in sensors:
            if schema.label is None:
                yield _spoilt_label(column)
        elif name in schema.ignored:
            continue
        elif name in sensors:
            yield from _of_sensor(column, profile.rows, told)
        elif name not in (schema.time, schema.series):
            yield from _of_words(column, profile.rows, told, schema.time is None)
    if schema.time is None:
        yield from _no_time(profile)


def _of_sensor(column: ColumnProfile, rows: int, told: Iterable[Finding]) -> Iterator[Finding]:
    name = shown(column.column.name)
    for finding in told:
        if finding.code == CONSTANT:
            yield Finding(
                CONSTANT, f"the sensor {name} has the same value in every row that has one: odd once it moves"
            )
        elif finding.code in _TOLD:
            yield finding
    if column.missing:
        share = column.missing / rows
        yield Finding(
            "missing_samples", f"the sensor {name} has no value in {column.missing:,} of {rows:,} rows ({share:.1%})"
        )
    if label_word(column) is not None or is_spoilt_label(column):
        # A label among the sensors would make every score right, and none useful.
        yield Finding(
            "looks_like_label",
            f"the column {name} looks like a label and is taken for a sensor: set `label` to it, or ignore it",
        )
    elif looks_like_time(column):
        yield Finding(
            "looks_like_time",
            f"the column {name} looks like a time and is taken for a sensor: set `time` to it if it says when a row "
            "was read, else ignore it",
        )
    elif always_rises(column):
        yield Finding(
            "always_rises",
            f"the sensor {name} rises from row to row, as clocks and counters do, so later rows look odd by that "
            "alone: ignore it, or set `time` to it if it says when a row was read",
        )


def _of_words(column: ColumnProfile, rows: int, found: Iterable[Finding], no_time: bool) -> Iterator[Finding]:
    """A column that is nothing, since it is read as words or dates."""
    empty = {MOSTLY_MISSING} if column.missing == rows else set()
    told = [item for item in found if item.code in {*_UNREAD, *empty}]
    yield from told
    if told or column.column.type is ColumnType.DATE:
        return
    name = shown(column.column.name)
    if no_time and sounds_like_time(column):
        why = first_unreadable(column, ColumnType.DATE) or "it has no value"
        yield Finding(
            "unread_times",
            f"the column {name} sounds like times and is read as words, since {why}: wanted dates such as "
            "2024-03-31T17:05:00Z or 31.3.2024 17:05:00, or seconds as numbers; until then rows are taken in the order "
            "of the file",
        )
    elif (words := _words(column)) and column.distinct - len(words) >= _FEWEST_NUMBERS:
        yield Finding(
            MOSTLY_NUMBERS,
            f"the column {name} holds many numbers and is not looked at, since it holds {shown(words[0])} as well: "
            "correct or empty these cells and import the file again",
        )


def _words(column: ColumnProfile) -> list[str]:
    """Its values that are no numbers, where these are few."""
    words = [value for value, _ in column.values if not is_number(value)]
    return words if len(words) <= (1 - _MOSTLY) * len(column.values) else []


def _spoilt_label(column: ColumnProfile) -> Finding:
    odd = next(value for value, _ in column.values if not is_label_of(column, value))
    return Finding(
        "unread_labels",
        f"the column {shown(column.column.name)} sounds like a label, and is none since it holds {shown(odd)}: wanted "
        "0 or 1, false or true, normal or anomaly; correct these cells, import the file again and set `label` to it",
    )


def _unlabelled(column: ColumnProfile, rows: int) -> Iterator[Finding]:
    if column.missing:
        yield Finding(
            "missing_labels",
            f"{column.missing:,} of {rows:,} rows have no label in {shown(column.column.name)}: taken for normal",
        )


def _no_time(profile: TableProfile) -> Iterator[Finding]:
    dates = [column.column.name for column in profile.columns if column.column.type is ColumnType.DATE]
    if dates:
        yield Finding(
            "no_time",
            f"no column is said to hold the time, so rows are taken in the order of the file: set `time` to "
            f"{' or '.join(map(shown, dates[:3]))} if it says when a row was read",
        )
