"""When a row was read: seconds since 1970-01-01 UTC, from a date or from a number."""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime, timedelta, timezone

from datasets.tables.cells import SECONDS_OF_A_DAY, date_of, number_of
from datasets.tables.schema import Column, ColumnType

# Clocks count seconds, or thousandths, millionths or billionths of them; today's numbers lie far apart.
SCALES = ((1e11, 1.0), (1e14, 1e-3), (1e17, 1e-6), (float("inf"), 1e-9))
_EPOCH = datetime(1970, 1, 1, tzinfo=timezone.utc)


def seconds_of_number(number: float) -> float:
    """Seconds that a clock's number means: below 1e11 it counts seconds, then milli-, micro- and nanoseconds."""
    return number * next(scale for limit, scale in SCALES if abs(number) < limit)


def time_reader(column: Column) -> Callable[[str | None], float | None]:
    """Reads the cells of a time column: gives seconds since 1970-01-01 UTC, None for a missing cell.

    The function raises ValueError for what is no time, in words.
    """

    def read_number(text: str | None) -> float | None:
        number = number_of(text, column.number_format)
        return None if number is None else seconds_of_number(number)

    def read_date(text: str | None) -> float | None:
        days = date_of(text, column.date_format)
        # Days with a fraction hold a microsecond or two too little or too much.
        return None if days is None else round(days * SECONDS_OF_A_DAY, 4)

    return read_number if column.type is ColumnType.NUMBER else read_date


def iso_time(seconds: float) -> str | None:
    """ISO 8601 in UTC, to the millisecond where there is a fraction; None outside of the years 1 to 9999."""
    try:
        moment = _EPOCH + timedelta(milliseconds=round(seconds * 1000))
    except OverflowError:
        return None
    spec = "milliseconds" if moment.microsecond else "seconds"
    return moment.replace(tzinfo=None).isoformat(timespec=spec) + "Z"
