"""What a cell says: one function for each type of column, from its text to a value.

Training, prediction and the profile of a file all read by these rules, so that a value means the same everywhere.
`datasets.tables.columns` has the same for whole columns at once.
"""

from __future__ import annotations

import math
import re
from collections.abc import Callable
from datetime import date, datetime, timedelta, timezone

from datasets.tables.schema import Column, ColumnType, DateFormat, NumberFormat

# Written out, since what counts as a space differs between Python and the engine that reads whole columns.
SPACES = " \t\n\r\x0b\x0c\xa0"
MISSING = frozenset(["", "na", "n/a", "nan", "null", "none", "?", "-"])
TRUTHS = frozenset(["true", "false"])
_SPACE, _APOSTROPHE = " \xa0\u2009\u202f", "'\u2019"


def _number(point: str, between: str = "") -> str:
    """The pattern of numbers with this decimal mark, and this or a space or an apostrophe between thousands."""
    plain = rf"(?:[0-9]+{point}?[0-9]*|{point}[0-9]+)(?:[eE][+-]?[0-9]{{1,4}})?"
    groups = "|".join(rf"(?:[{mark}][0-9]{{3}})+" for mark in (between, _SPACE, _APOSTROPHE))
    # A zero at the front begins no groups: 0.125 holds no thousands.
    grouped = rf"|[1-9][0-9]{{0,2}}(?:{groups})(?:{point}[0-9]*)?" if between else ""
    return rf"[+-]?(?:{plain}{grouped})"


# Each with the characters that stand between thousands, and with the decimal mark.
NUMBERS: dict[NumberFormat | None, tuple[str, str, str]] = {
    None: (_number(r"\."), "", "."),
    NumberFormat.DECIMAL_COMMA: (_number(",", "."), "." + _SPACE + _APOSTROPHE, ","),
    NumberFormat.THOUSANDS_COMMA: (_number(r"\.", ","), "," + _SPACE + _APOSTROPHE, "."),
}
_UNIT = r"(?:%|‰|°|°C|°F|€|\$|£|¥|EUR|USD|GBP|CHF)"
# A decimal comma, something between thousands, another minus, a unit, infinity: what a number may mean elsewhere.
NUMBER_OTHERWISE = (
    rf"(?:{_UNIT} ?)?[+\-\u2212]? ?(?:[0-9]{{1,3}}(?:[.,'\u2019 \xa0\u202f][0-9]{{3}})+|[0-9]+)"
    rf"(?:[.,][0-9]+)?(?:[eE][+-]?[0-9]+)?[ \xa0\u202f]?{_UNIT}?|[+-]?(?i:inf|infinity)"
)
# Hour, minute, second, fraction of a second, then the zone as "Z" or as sign, hours and minutes.
_TIME = (
    r"(?:[T ]([01][0-9]|2[0-3]):([0-5][0-9])(?::([0-5][0-9])(?:[.,]([0-9]{1,9}))?)?"
    r"(?: ?(?:Z|([+-])([01][0-9]|2[0-3]):?([0-5][0-9])?))?)?"
)
# Each with the places of year, month and day among its groups; those of the time follow.
DATES: dict[DateFormat | None, tuple[str, tuple[int, int, int]]] = {
    None: (rf"([0-9]{{4}})-([0-9]{{2}})-([0-9]{{2}}){_TIME}", (1, 2, 3)),
    DateFormat.DAY_DOTS: (rf"([0-9]{{1,2}})\.([0-9]{{1,2}})\.([0-9]{{4}}){_TIME}", (3, 2, 1)),
    DateFormat.DAY_SLASHES: (rf"([0-9]{{1,2}})/([0-9]{{1,2}})/([0-9]{{4}}){_TIME}", (3, 2, 1)),
    DateFormat.MONTH_SLASHES: (rf"([0-9]{{1,2}})/([0-9]{{1,2}})/([0-9]{{4}}){_TIME}", (3, 1, 2)),
}
SECONDS_OF_A_DAY = 86_400
_EPOCH = datetime(1970, 1, 1, tzinfo=timezone.utc)
_EPOCH_DAY = date(1970, 1, 1).toordinal()
_NUMBERS = {
    number_format: (re.compile(pattern), str.maketrans(point, ".", between))
    for number_format, (pattern, between, point) in NUMBERS.items()
}
_DATES = {date_format: (re.compile(pattern), places) for date_format, (pattern, places) in DATES.items()}
_EXAMPLES = {
    None: "3.5 or -2e6",
    NumberFormat.DECIMAL_COMMA: "1.234,5 or 1234,5 (a comma for decimals)",
    NumberFormat.THOUSANDS_COMMA: "1,234.5 or 1234.5 (a point for decimals)",
}
_MOST_SHOWN = 40

CellValue = float | str | None


def text_of(value: object, number_format: NumberFormat | None = None) -> str | None:
    """The text that a cell of this Python or JSON value has; None for nothing.

    Args:
        number_format: of the column, by which numbers are written; what is text already stays as it is.

    Raises:
        ValueError: it is a list or an object.
    """
    if value is None or isinstance(value, str):
        return value
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, (int, float)):
        return repr(value).replace(".", NUMBERS[number_format][2])
    raise ValueError(f"a cell must be a text, a number, true, false or null, got {type(value).__name__}")


def bare(text: str | None) -> str | None:
    """The text without the spaces around it; None for a missing cell."""
    if text is None:
        return None
    stripped = text.strip(SPACES)
    return None if stripped.lower() in MISSING else stripped


def number_of(text: str | None, number_format: NumberFormat | None = None) -> float | None:
    """A finite number, None for a missing cell.

    Raises:
        ValueError: it is no number of this format, or none that a computer can hold, in words.
    """
    stripped = bare(text)
    if stripped is None:
        return None
    pattern, plain = _NUMBERS[number_format]
    value = float(stripped.translate(plain)) if pattern.fullmatch(stripped) else math.inf
    if math.isinf(value):
        raise ValueError(f"must be a finite number such as {_EXAMPLES[number_format]}, got {shown(stripped)}")
    return value


def category_of(text: str | None) -> str | None:
    """One of several words; None for a missing cell. `True` and `FALSE` are the categories `true` and `false`."""
    stripped = bare(text)
    if stripped is not None and stripped.lower() in TRUTHS:
        return stripped.lower()
    return stripped


def date_of(text: str | None, date_format: DateFormat | None = None) -> float | None:
    """Days since 1970-01-01 UTC with their fraction; None for a missing cell.

    Without a zone, times are taken as UTC.

    Raises:
        ValueError: it is no date by ISO 8601 or by `date_format`, in words.
    """
    stripped = bare(text)
    if stripped is None:
        return None
    for candidate in dict.fromkeys([None, date_format]):
        pattern, places = _DATES[candidate]
        match = pattern.fullmatch(stripped)
        if match and (day := _day(*(int(match[place]) for place in places))) is not None:
            return day + _seconds(*match.groups()[3:]) / SECONDS_OF_A_DAY
    wanted = "a date such as 2024-03-31 or 2024-03-31T17:05:00Z"
    also = f" or {date_format.value}" if date_format else ""
    raise ValueError(f"must be {wanted}{also}, got {shown(stripped)}")


def is_number(text: str | None) -> bool:
    """Whether it is a finite number by any of the formats."""
    for number_format in NUMBERS:
        try:
            return number_of(text, number_format) is not None
        except ValueError:
            continue
    return False


def moment_of(days: float) -> str:
    """What `date_of` read, by ISO 8601, with the time where it is not midnight."""
    moment = _EPOCH + timedelta(days=days)
    is_day = moment.time().isoformat() == "00:00:00"
    return moment.date().isoformat() if is_day else moment.replace(tzinfo=None).isoformat(timespec="seconds") + "Z"


def reader_of(column: Column) -> Callable[[str | None], CellValue]:
    """The function that reads the cells of this column."""
    if column.type is ColumnType.NUMBER:
        return lambda text: number_of(text, column.number_format)
    if column.type is ColumnType.DATE:
        return lambda text: date_of(text, column.date_format)
    return category_of if column.type is ColumnType.CATEGORY else bare


def shown(text: str) -> str:
    """A cell as messages show it."""
    return repr(text if len(text) <= _MOST_SHOWN else text[: _MOST_SHOWN - 1] + "…")


def _day(year: int, month: int, day: int) -> int | None:
    try:
        return date(year, month, day).toordinal() - _EPOCH_DAY
    except ValueError:
        return None


def _seconds(
    hour: str | None,
    minute: str | None,
    second: str | None,
    fraction: str | None,
    sign: str | None,
    zone_hours: str | None,
    zone_minutes: str | None,
) -> float:
    """Seconds of the day by UTC."""
    local = int(hour or 0) * 3600 + int(minute or 0) * 60 + int(second or 0)
    offset = int(zone_hours or 0) * 3600 + int(zone_minutes or 0) * 60
    whole = local + offset if sign == "-" else local - offset
    return whole + float(f"0.{fraction or 0}")
