from __future__ import annotations

import math
import random

import polars as pl
import pytest

from datasets.tables import columns
from datasets.tables.cells import bare, category_of, date_of, number_of, reader_of, text_of
from datasets.tables.schema import Column, ColumnType, DateFormat, NumberFormat

_MISSING = ["", " ", "NA", "n/a", "NaN", "null", "NONE", "?", "-", " - ", "\xa0na\t", None]
_NUMBERS = ["0", "-0", "12", " 3.5 ", "1e3", "+.5E-2", "7.", "00012", "9007199254740993", "5e-324", "\xa01\t"]
_NO_NUMBERS = [
    "inf",
    "-Infinity",
    "1e999",
    "1,000",
    "1.000,5",
    "0x10",
    "1_0",
    "1 2",
    "--1",
    "٣",
    ".",
    "e5",
    "true",
    "$5",
]
_DATES = [
    "1970-01-01", "1969-12-31", "2024-02-29", "0001-01-01", "9999-12-31", "2024-03-31T17:05", "2024-03-31 17:05:09",
    "2024-03-31T17:05:09.123456789Z", "2024-03-31T00:30:00+02:00", "2024-03-31T23:30:00-0530", "2024-03-31 23:30:00+02",
    "2024-03-31T17:05:09,5 Z",
]  # fmt: skip
_NO_DATES = [
    "2023-02-29", "0000-01-01", "2024-13-01", "2024-1-1", "24-01-01", "2024-03-31T24:00", "2024-03-31T17:60",
    "2024-03-31T", "2024-03-31x", "20240331", "31.3.2024", "03/31/2024", "31/03/2024", "1711843200", "yesterday",
]  # fmt: skip
_WORDS = ["TRUE", "false", " True ", "yes", "Ja ", "0", "naïve", "İ", "none of these", "N/A?"]
_FORMATTED = [
    "1.234", "1.234,5", "1.234.567,25", "-1.234", "+1.234,", "12,5", ",5", "0,125", "1,5E-07", "1 234", "1\xa0234,5",
    "1\u202f234.5", "1'234", "1\u2019234,50", "1,234.5", "1,234,567", "-1,234.", "1,234,56", "12.34,5", "1,2,3",
    "0.123,4", "0,123.4", "1234.567,8", "1.234e3", "1,234e3", "1.234 567", "1..234", "1,,5", "1.234,5,6", "1. 234", ",",
    "1.234,5 €", "9" * 400 + ",5", "1,0e999", "1,5\n",
]  # fmt: skip
_TEXTS = [
    *_MISSING,
    *_NUMBERS,
    *_FORMATTED,
    *_NO_NUMBERS,
    *_DATES,
    *_NO_DATES,
    *_WORDS,
    "5.13.2024",
    "13/5/2024 08:00",
    "1.1.0000",
]
_COLUMNS = [
    *(Column("c", kind) for kind in ColumnType),
    *(Column("c", ColumnType.DATE, date_format) for date_format in DateFormat),
    *(Column("c", ColumnType.NUMBER, number_format=number_format) for number_format in NumberFormat),
]
_BETWEEN = {
    None: [""],
    NumberFormat.DECIMAL_COMMA: ["", ".", " ", "\xa0", "\u202f", "\u2009", "'", "\u2019"],
    NumberFormat.THOUSANDS_COMMA: ["", ",", " ", "\xa0", "\u202f", "\u2009", "'", "\u2019"],
}


@pytest.mark.parametrize("column", _COLUMNS, ids=lambda column: "-".join(filter(None, column.as_read().values())))
def test_a_whole_column_is_read_as_each_of_its_cells(column: Column):
    read, unreadable = pl.DataFrame({"c": _TEXTS}, schema={"c": pl.String}).select(
        columns.values(column).alias("read"), columns.unreadable(column).alias("unreadable")
    )
    reader = reader_of(column)
    for text, value, is_unreadable in zip(_TEXTS, read, unreadable, strict=True):
        if is_unreadable:
            with pytest.raises(ValueError, match="must be"):
                reader(text)
        else:
            assert reader(text) == value, text


@pytest.mark.parametrize("text", _MISSING)
def test_missing_cells_are_missing_by_every_type(text: str | None):
    assert [bare(text), number_of(text), category_of(text), date_of(text)] == [None] * 4


def test_numbers_are_read_as_python_reads_them():
    assert [number_of(text) for text in _NUMBERS] == [float(text) for text in _NUMBERS]


@pytest.mark.parametrize("text", _NO_NUMBERS)
def test_what_is_no_finite_number_is_refused_and_shown(text: str):
    with pytest.raises(ValueError, match="must be a finite number such as") as raised:
        number_of(text)
    assert repr(text) in str(raised.value)


def _written(number: float, between: str, point: str) -> str:
    """As programs write numbers in groups of three, with every digit that it takes."""
    sign, digits = ("-", repr(-number)) if number < 0 else ("", repr(number))
    whole, _, rest = digits.partition(".")
    if between and "e" not in digits:
        whole = f"{int(whole):,}".replace(",", between)
    return sign + whole + (point + rest if rest else "")


@pytest.mark.parametrize("number_format", list(_BETWEEN))
def test_numbers_come_back_from_each_format_to_the_last_digit(number_format: NumberFormat | None):
    chosen, point = random.Random(7), "," if number_format is NumberFormat.DECIMAL_COMMA else "."
    numbers = [chosen.uniform(-1, 1) * 10.0 ** chosen.randint(-9, 17) for _ in range(2_000)]
    numbers += [float(chosen.randint(-(10**7), 10**7)) for _ in range(500)] + [
        0.0,
        -0.0,
        5e-324,
        1.7e308,
        1000.0,
        999.5,
    ]
    texts = [_written(number, chosen.choice(_BETWEEN[number_format]), point) for number in numbers]
    assert [number_of(text, number_format) for text in texts] == numbers
    column = Column("c", ColumnType.NUMBER, number_format=number_format)
    assert pl.DataFrame({"c": texts}).select(columns.values(column))["c"].to_list() == numbers
    assert [number_of(text_of(number, number_format), number_format) for number in numbers] == numbers


def test_text_is_read_strictly_by_the_format_of_its_column():
    comma, thousands = NumberFormat
    assert (number_of("1.234", comma), number_of("1.234", thousands), number_of("1.234")) == (1234, 1.234, 1.234)
    for text, number_format, wanted in (
        ("3.5", comma, r"such as 1\.234,5 or 1234,5 \(a comma for decimals\), got '3\.5'"),
        ("3,5", thousands, r"such as 1,234\.5 or 1234\.5 \(a point for decimals\), got '3,5'"),
        ("3,5", None, r"such as 3\.5 or -2e6, got '3,5'"),
    ):
        with pytest.raises(ValueError, match=wanted):
            number_of(text, number_format)


def test_dates_are_days_since_1970_by_utc():
    assert date_of("1970-01-02") == 1
    assert date_of("1969-12-31T12:00") == -0.5
    assert date_of("2024-03-31T00:30:00+02:00") == date_of("2024-03-30T22:30:00Z")
    assert date_of("2024-03-31T23:30:00-0530") == date_of("2024-04-01 05:00")
    assert date_of("1970-01-01T00:00:00.5Z") == 0.5 / 86_400


@pytest.mark.parametrize("text", _NO_DATES)
def test_what_is_no_date_is_refused_and_shown(text: str):
    with pytest.raises(ValueError, match="must be a date such as 2024-03-31") as raised:
        date_of(text)
    assert repr(text) in str(raised.value)


def test_a_column_may_have_a_format_of_dates_beside_iso():
    days = {date_of(text, f) for text, f in (("5.4.2024", DateFormat.DAY_DOTS), ("05/04/2024", DateFormat.DAY_SLASHES))}
    assert days == {date_of("4/5/2024", DateFormat.MONTH_SLASHES)} == {date_of("2024-04-05", DateFormat.DAY_DOTS)}
    with pytest.raises(ValueError, match=r"or DD\.MM\.YYYY, got '31\.02\.2024'"):
        date_of("31.02.2024", DateFormat.DAY_DOTS)


def test_a_truth_is_a_category_however_it_is_written():
    assert {category_of(text) for text in ("True", " TRUE", "true", text_of(True))} == {"true"}
    assert category_of(" Yes ") == "Yes"


def test_values_of_python_have_the_text_that_a_file_would_hold():
    assert [text_of(value) for value in (None, "a ", False, 3, 0.1, 1e300)] == [
        None,
        "a ",
        "false",
        "3",
        "0.1",
        "1e+300",
    ]
    assert number_of(text_of(math.nan)) is None
    values: list[object] = [[], {}, b"x"]
    for value in values:
        with pytest.raises(ValueError, match="must be a text, a number, true, false or null"):
            text_of(value)
