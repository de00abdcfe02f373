"""What the columns of readings seem to be for, by their names and by what they hold, where nobody has said."""

from __future__ import annotations

import re
from dataclasses import dataclass

from datasets.series.schema import LABELS
from datasets.series.times import seconds_of_number
from datasets.tables.cells import number_of
from datasets.tables.profile import ColumnProfile, TableProfile
from datasets.tables.schema import ColumnType, NumberFormat

_LABEL_WORDS = ("anomal", "label", "fault", "outlier", "changepoint", "change_point", "is_normal")
# Of names that say nothing else: `fault current` may well be a sensor.
_LABEL_NAME = re.compile(r"(is_?)?(anomal(y|ies|ous)|labels?|faults?|outliers?)(_?(label|flag|class))?")
_TIME_NAME = re.compile(
    r"(at|date|time|date_?time|time_?stamp|ts|epoch|unix_?time)(_?(utc|unix|s|secs?|seconds?|ms|millis|us|ns))?"
)
# 1990 to 2100, in seconds.
_CLOCK = (631_152_000.0, 4_102_444_800.0)
_FEWEST_RISING = 20
_MOST_CLASSES = 20


@dataclass(frozen=True)
class Guess:
    """Roles for new data, as of `SeriesSettings`."""

    time: str | None
    label: str | None
    ignored: tuple[str, ...]


def guess(profile: TableProfile) -> Guess:
    """The only column of dates says when, else the only clock; what looks like a label or another clock is no sensor.

    Of several that look like labels, that whose name comes first among the words for one is the label. Where that one
    holds something else than labels there is none, rather than a worse one.
    """
    dates = [column.column.name for column in profile.columns if column.column.type is ColumnType.DATE]
    clocks = [column.column.name for column in profile.columns if is_clock(column)]
    times = dates or clocks
    time = times[0] if len(times) == 1 else None
    found = [(label_word(column), column.column.name) for column in profile.columns]
    labels = sorted((place, name) for place, name in found if place is not None)
    spoilt = {column.column.name: _word(column) for column in profile.columns if is_spoilt_label(column)}
    label = labels[0][1] if labels and labels[0][0] < min(spoilt.values(), default=len(_LABEL_WORDS)) else None
    ignored = [name for _, name in labels if name != label]
    ignored += [name for name in spoilt if profile.of(name).column.type is ColumnType.NUMBER]
    ignored += [name for name in clocks if time is not None and name != time]
    return Guess(time, label, tuple(dict.fromkeys(ignored)))


def is_label(value: str, number_format: NumberFormat | None = None) -> bool:
    """Whether a cell says that a row is normal, or that it is an anomaly."""
    try:
        return value.lower() in LABELS or number_of(value, number_format) in (0, 1)
    except ValueError:
        return False


def is_label_of(column: ColumnProfile, value: str) -> bool:
    """The same of a cell of this column."""
    return is_label(value, column.column.number_format)


def label_word(column: ColumnProfile) -> int | None:
    """Which word for a label the name of a column has that holds nothing but labels; None when it looks like none."""
    if not column.values or not column.values_are_all or not all(is_label_of(column, v) for v, _ in column.values):
        return None
    word = _word(column)
    return word if word < len(_LABEL_WORDS) else None


def is_spoilt_label(column: ColumnProfile) -> bool:
    """Whether a column is called a label and holds a few values, some of which are none."""
    few = 1 < column.distinct <= _MOST_CLASSES and column.distinct_is_exact
    return few and _LABEL_NAME.fullmatch(_plain(column)) is not None and label_word(column) is None


def sounds_like_time(column: ColumnProfile) -> bool:
    """Whether the name of a column is that of a time, such as `Time (s)`."""
    return _TIME_NAME.fullmatch(_plain(column)) is not None


def is_clock(column: ColumnProfile) -> bool:
    """Whether a column of numbers is called a time, and counts from 1970 or rises from row to row."""
    if column.column.type is not ColumnType.NUMBER or column.summary is None or not sounds_like_time(column):
        return False
    return always_rises(column) or _counts_from_1970(column)


def looks_like_time(column: ColumnProfile) -> bool:
    """Whether a column of numbers is called a time, or has many values that a clock has."""
    return sounds_like_time(column) or (column.distinct >= _FEWEST_RISING and _counts_from_1970(column))


def always_rises(column: ColumnProfile) -> bool:
    """Whether each value is greater than the one before, as of clocks and counters."""
    return column.summary is not None and column.summary.rising and column.distinct >= _FEWEST_RISING


def _counts_from_1970(column: ColumnProfile) -> bool:
    if column.summary is None:
        return False
    least, most = seconds_of_number(column.summary.least), seconds_of_number(column.summary.most)
    return _CLOCK[0] <= least and most <= _CLOCK[1]


def _word(column: ColumnProfile) -> int:
    """Place of the first word for a label in the name; past the last where there is none."""
    name = column.column.name.lower().replace(" ", "_")
    return next((place for place, word in enumerate(_LABEL_WORDS) if word in name), len(_LABEL_WORDS))


def _plain(column: ColumnProfile) -> str:
    """The name as words: small letters, with underscores between."""
    return "_".join(re.findall(r"[^\W_]+", column.column.name.lower()))
