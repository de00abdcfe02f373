from __future__ import annotations

import math

import polars as pl
import pytest

from datasets.tables import columns
from datasets.tables.cells import bare, category_of, date_of, number_of, reader_of, text_of
from datasets.tables.schema import Column, ColumnType, DateFormat

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
_TEXTS = [*_MISSING, *_NUMBERS, *_NO_NUMBERS, *_DATES, *_NO_DATES, *_WORDS, "5.13.2024", "13/5/2024 08:00", "1.1.0000"]
_COLUMNS = [
    *(Column("c", kind) for kind in ColumnType),
    *(Column("c", ColumnType.DATE, date_format) for date_format in DateFormat),
]


@pytest.mark.parametrize("column", _COLUMNS, ids=lambda column: f"{column.type.value} {column.date_format}")
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
