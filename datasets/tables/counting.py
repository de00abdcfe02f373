"""Looks at one column part by part, and says at the end what it holds."""

from __future__ import annotations

from dataclasses import replace

import polars as pl

from datasets.tables.columns import categories, dates, numbers, numbers_otherwise
from datasets.tables.number_counting import GLANCE_ROWS, MOST_MISTAKEN, NumberCounter, first_of
from datasets.tables.profile import MOST_DISTINCT, ColumnProfile, Summary, Unreadable
from datasets.tables.schema import Column, ColumnType, DateFormat, NumberFormat
from datasets.tables.spread import Spread

MOST_SAMPLED_ROWS = 200_000
_FORMATS = (None, *DateFormat)
_SLASHES = {DateFormat.DAY_SLASHES, DateFormat.MONTH_SLASHES}
_MOST_CATEGORIES = 1000
_FEW_CATEGORIES = 20


class Values:
    """How often each value is there, of the first `MOST_DISTINCT` different ones in the order of the rows."""

    def __init__(self) -> None:
        self.counts: dict[str, int] = {}
        self.more = False

    def add(self, words: pl.Series) -> None:
        """Take in values, none of them null."""
        if self.more:
            words = words.filter(words.is_in(list(self.counts)))
        found = words.alias("word").to_frame().group_by("word", maintain_order=True).len()
        for word, count in found.iter_rows():
            if word in self.counts:
                self.counts[word] += count
            elif len(self.counts) < MOST_DISTINCT:
                self.counts[word] = count
            else:
                self.more = True

    def frequent(self, most: int) -> tuple[tuple[str, int], ...]:
        """The most frequent values, those that are equally so by their text."""
        return tuple(sorted(self.counts.items(), key=lambda item: (-item[1], item[0]))[:most])


class ColumnCounter:
    """What one column holds.

    Args:
        step: see `Spread`.
    """

    def __init__(self, name: str, step: int):
        self._name = name
        self._rows = self._present = 0
        self._values = Values()
        self._no_date: Unreadable | None = None
        self._numbers = NumberCounter(step)
        self._dates = {date_format: Spread(step) for date_format in _FORMATS}
        self._otherwise: Unreadable | None = None
        self._may_be_otherwise = True

    def add(self, text: pl.Series) -> None:
        """Take in the next rows."""
        frame, cell = text.alias("text").to_frame(), pl.col("text")
        words = frame.select(categories(cell)).to_series()
        present = words.is_not_null()
        self._present += int(present.sum())
        self._values.add(words.filter(present))
        self._numbers.add(frame, present, self._rows, self._present)
        self._add_otherwise(frame, present)
        self._add_dates(frame, present)
        self._rows += len(text)

    def _add_otherwise(self, frame: pl.DataFrame, present: pl.Series) -> None:
        if not self._may_be_otherwise or self._numbers.readable:
            return
        cell = pl.col("text")
        for rows in (GLANCE_ROWS, len(frame)):
            head = frame.head(rows)
            strange = head.select(numbers_otherwise(cell).fill_null(False)).to_series() & present.head(rows)
            others = present.head(rows) & ~strange & head.select(numbers(cell).is_null()).to_series()
            if int(others.sum()) > MOST_MISTAKEN * int(present.head(rows).sum()):
                self._may_be_otherwise, self._otherwise = False, None
                return
        if strange.any():
            first = self._otherwise or first_of(frame, strange, self._rows)
            self._otherwise = replace(first, count=(first.count or 0) + int(strange.sum()))

    def _add_dates(self, frame: pl.DataFrame, present: pl.Series) -> None:
        if None in self._dates and (values := self._all_dates(frame, present, None)) is not None:
            # What is a date by ISO 8601 is one by every format.
            for spread in self._dates.values():
                spread.add(values, self._rows)
            return
        for date_format in list(self._dates):
            values = self._all_dates(frame, present, date_format) if date_format else None
            if values is None:
                del self._dates[date_format]
            else:
                self._dates[date_format].add(values, self._rows)

    def _all_dates(self, frame: pl.DataFrame, present: pl.Series, date_format: DateFormat | None) -> pl.Series | None:
        """The dates; None when a cell is none. Most columns are not of dates, which few cells show."""
        for rows in (GLANCE_ROWS, len(frame)):
            values = frame.head(rows).select(dates(pl.col("text"), date_format)).to_series()
            bad = present.head(rows) & values.is_null()
            if bad.any():
                self._no_date = self._no_date or first_of(frame, bad, self._rows)
                return None
        return values

    def profile(self, most_values: int) -> ColumnProfile:
        """What was found, without the bins of a histogram."""
        column = self._column()
        if column.type is ColumnType.NUMBER:
            summary = self._numbers.summary(column.number_format)
        else:
            summary = self._dates[column.date_format].summary() if column.type is ColumnType.DATE else None
        mistakes, no_date = self._numbers.mistakes, None if self._dates else self._no_date
        unreadable = {ColumnType.NUMBER: mistakes, ColumnType.DATE: no_date}
        is_words = column.type in (ColumnType.CATEGORY, ColumnType.TEXT)
        return ColumnProfile(
            column=column,
            missing=self._rows - self._present,
            distinct=len(self._values.counts),
            distinct_is_exact=not self._values.more,
            values=self._values.frequent(most_values),
            repeats=any(count > 1 for count in self._values.counts.values()),
            summary=summary,
            unreadable={kind: item for kind, item in unreadable.items() if item},
            dates=tuple(self._dates) if self._present else (),
            otherwise=self._otherwise if is_words and not self._numbers.readable else None,
            numbers=self._by_format(summary),
            misread=self._numbers.misread() if self._present else {},
        )

    def _by_format(self, summary: Summary | None) -> dict[NumberFormat, Summary | None]:
        """As `ColumnProfile.numbers`, beside the summary of the column as it was found."""
        if not self._present:
            return {}
        found = {key: self._numbers.summary(key) for key in self._numbers.readable if key}
        return {key: None if other == summary else other for key, other in found.items()}

    def _column(self) -> Column:
        if not self._present:
            return Column(self._name, ColumnType.TEXT)
        if self._numbers.readable and not self._numbers.is_ambiguous:
            return Column(self._name, ColumnType.NUMBER, number_format=self._numbers.readable[0])
        if None in self._dates:
            return Column(self._name, ColumnType.DATE)
        # Where day and month could be either way round, nothing is guessed.
        if self._dates and set(self._dates) != _SLASHES:
            return Column(self._name, ColumnType.DATE, next(iter(self._dates)))
        most = max(_FEW_CATEGORIES, min(_MOST_CATEGORIES, self._present // 2))
        is_category = not self._values.more and len(self._values.counts) <= most
        return Column(self._name, ColumnType.CATEGORY if is_category else ColumnType.TEXT)
