"""What the cells of whole columns say, with the same answers as `datasets.tables.cells` gives for one."""

from __future__ import annotations

import polars as pl

from datasets.tables.cells import DATES, MISSING, NUMBER_OTHERWISE, NUMBERS, SECONDS_OF_A_DAY, SPACES, TRUTHS
from datasets.tables.schema import Column, ColumnType, DateFormat, NumberFormat


def bare(text: pl.Expr) -> pl.Expr:
    """Text without the spaces around it; null for a missing cell."""
    stripped = text.str.strip_chars(SPACES)
    return pl.when(stripped.str.to_lowercase().is_in(sorted(MISSING))).then(None).otherwise(stripped)


def numbers(text: pl.Expr, number_format: NumberFormat | None = None) -> pl.Expr:
    """float64; null for a missing cell and for one that is no number."""
    stripped = text.str.strip_chars(SPACES)
    pattern, between, point = NUMBERS[number_format]
    is_number = stripped.str.contains(rf"^{pattern}\z")
    if between:
        stripped = stripped.str.replace_all(f"[{between}]", "")
    if point != ".":
        stripped = stripped.str.replace(point, ".", literal=True)
    value = pl.when(is_number).then(stripped).cast(pl.Float64, strict=False)
    return pl.when(value.is_finite()).then(value)


def numbers_otherwise(text: pl.Expr) -> pl.Expr:
    """Which cells hold what a person reads as a number, and no number by our rules; null for null."""
    stripped = text.str.strip_chars(SPACES)
    is_number = stripped.str.contains(rf"^{NUMBERS[None][0]}\z")
    return stripped.str.contains(rf"^(?:{NUMBER_OTHERWISE})\z") & ~is_number


def categories(text: pl.Expr) -> pl.Expr:
    """Text; null for a missing cell."""
    word = bare(text)
    return pl.when(word.str.to_lowercase().is_in(sorted(TRUTHS))).then(word.str.to_lowercase()).otherwise(word)


def dates(text: pl.Expr, date_format: DateFormat | None = None) -> pl.Expr:
    """float64, days since 1970-01-01 UTC; null for a missing cell and for one that is no date."""
    stripped = text.str.strip_chars(SPACES)
    return pl.coalesce([_dates(stripped, candidate) for candidate in dict.fromkeys([None, date_format])])


def values(column: Column) -> pl.Expr:
    """The cells of a column by its type: float64 for numbers and dates, else text; null where there is no value."""
    text = pl.col(column.name)
    if column.type is ColumnType.NUMBER:
        return numbers(text, column.number_format)
    if column.type is ColumnType.DATE:
        return dates(text, column.date_format)
    return categories(text) if column.type is ColumnType.CATEGORY else bare(text)


def unreadable(column: Column) -> pl.Expr:
    """Which cells of a column hold something that is no value of its type, as booleans."""
    return bare(pl.col(column.name)).is_not_null() & values(column).is_null()


def _dates(stripped: pl.Expr, date_format: DateFormat | None) -> pl.Expr:
    pattern, (year, month, day) = DATES[date_format]
    groups = stripped.str.extract_groups(rf"^{pattern}\z").struct
    digits = [groups.field(str(place)).str.zfill(2) for place in (year, month, day)]
    days = pl.concat_str(digits, separator="-").str.to_date("%Y-%m-%d", strict=False)
    # Year 0 is a date for the engine, and none for Python.
    days = pl.when(days.dt.year() > 0).then(days).cast(pl.Int32)
    return days + _seconds(groups) / SECONDS_OF_A_DAY


def _seconds(groups: pl.expr.struct.ExprStructNameSpace) -> pl.Expr:
    hour, minute, second, _, _, zone_hours, zone_minutes = (
        groups.field(str(place)).cast(pl.Int32, strict=False).fill_null(0) for place in range(4, 11)
    )
    offset = zone_hours * 3600 + zone_minutes * 60
    sign = pl.when(groups.field("8") == "-").then(-1).otherwise(1)
    whole = hour * 3600 + minute * 60 + second - sign * offset
    fraction = pl.format("0.{}", groups.field("7").fill_null("0")).cast(pl.Float64)
    return whole + fraction
