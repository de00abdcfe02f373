"""Looks at one column part by part, and says at the end what it holds."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import polars as pl
from numpy.typing import NDArray

from datasets.tables.columns import categories, dates, numbers, numbers_otherwise
from datasets.tables.profile import MOST_DISTINCT, QUANTILES, ColumnProfile, Summary, Unreadable
from datasets.tables.schema import Column, ColumnType, DateFormat

MOST_SAMPLED_ROWS = 200_000
_FORMATS = (None, *DateFormat)
_SLASHES = {DateFormat.DAY_SLASHES, DateFormat.MONTH_SLASHES}
# A column with more other cells than these is no column of numbers with some mistakes in it.
_MOST_MISTAKEN = 0.05
_MOST_CATEGORIES = 1000
_FEW_CATEGORIES = 20
_GLANCE_ROWS = 200


class Spread:
    """Least, most, mean and quantiles of values that come part by part.

    Args:
        step: every so many rows a value is kept for the quantiles.
    """

    def __init__(self, step: int):
        self._step = step
        self._count = 0
        self._least, self._most, self._mean = np.inf, -np.inf, 0.0
        self._whole = self._rising = True
        self._last: float | None = None
        self._kept: list[NDArray[np.float64]] = []

    def add(self, values: pl.Series, first: int) -> None:
        """Take in the values of rows from `first` on; null where there is none."""
        self._kept.append(values.gather_every(self._step, offset=-first % self._step).drop_nulls().to_numpy())
        here = values.drop_nulls().to_numpy()
        if not len(here):
            return
        self._count += len(here)
        self._least, self._most = min(self._least, here.min()), max(self._most, here.max())
        with np.errstate(over="ignore", invalid="ignore"):
            self._mean += (float(here.mean()) - self._mean) * (len(here) / self._count)
        self._whole = self._whole and bool((here == np.floor(here)).all())
        joined = here if self._last is None else np.concatenate(([self._last], here))
        self._rising = self._rising and bool((joined[1:] > joined[:-1]).all())
        self._last = float(here[-1])

    def summary(self) -> Summary | None:
        """All but the bins; None when there was no value."""
        if not self._count:
            return None
        kept = np.concatenate(self._kept)
        quantiles = np.quantile(kept, QUANTILES, method="nearest") if len(kept) else np.full(len(QUANTILES), self._mean)
        return Summary(
            float(self._least), float(self._most), self._mean, tuple(map(float, quantiles)), self._whole, self._rising
        )


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
        self._step = step
        self._rows = self._present = 0
        self._values = Values()
        self._mistakes: Unreadable | None = None
        self._no_date: Unreadable | None = None
        self._numbers: Spread | None = Spread(step)
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
        self._add_numbers(frame, present)
        self._add_otherwise(frame, present)
        self._add_dates(frame, present)
        self._rows += len(text)

    def _add_numbers(self, frame: pl.DataFrame, present: pl.Series) -> None:
        if self._numbers is None:
            return
        values = frame.select(numbers(pl.col("text"))).to_series()
        bad = present & values.is_null()
        if bad.any():
            first = self._mistakes or self._first(frame, bad)
            self._mistakes = replace(first, count=(first.count or 0) + int(bad.sum()))
        if self._mistakes and (self._mistakes.count or 0) > _MOST_MISTAKEN * self._present:
            self._mistakes, self._numbers = replace(self._mistakes, count=None), None
        else:
            self._numbers.add(values, self._rows)

    def _add_otherwise(self, frame: pl.DataFrame, present: pl.Series) -> None:
        if not self._may_be_otherwise or self._mistakes is None:
            return
        cell = pl.col("text")
        for rows in (_GLANCE_ROWS, len(frame)):
            head = frame.head(rows)
            strange = head.select(numbers_otherwise(cell).fill_null(False)).to_series() & present.head(rows)
            others = present.head(rows) & ~strange & head.select(numbers(cell).is_null()).to_series()
            if int(others.sum()) > _MOST_MISTAKEN * int(present.head(rows).sum()):
                self._may_be_otherwise, self._otherwise = False, None
                return
        if strange.any():
            first = self._otherwise or self._first(frame, strange)
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
        for rows in (_GLANCE_ROWS, len(frame)):
            values = frame.head(rows).select(dates(pl.col("text"), date_format)).to_series()
            bad = present.head(rows) & values.is_null()
            if bad.any():
                self._no_date = self._no_date or self._first(frame, bad)
                return None
        return values

    def _first(self, frame: pl.DataFrame, bad: pl.Series) -> Unreadable:
        index = int(bad.arg_max() or 0)
        return Unreadable(self._rows + index + 1, str(frame.item(index, 0))[:100])

    def profile(self, most_values: int) -> ColumnProfile:
        """What was found, without the bins of a histogram."""
        column = self._column()
        if column.type is ColumnType.NUMBER and self._numbers:
            summary = self._numbers.summary()
        else:
            summary = self._dates[column.date_format].summary() if column.type is ColumnType.DATE else None
        unreadable = {ColumnType.NUMBER: self._mistakes, ColumnType.DATE: None if self._dates else self._no_date}
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
            otherwise=self._otherwise if column.type in (ColumnType.CATEGORY, ColumnType.TEXT) else None,
        )

    def _column(self) -> Column:
        if not self._present:
            return Column(self._name, ColumnType.TEXT)
        if self._mistakes is None:
            return Column(self._name, ColumnType.NUMBER)
        if None in self._dates:
            return Column(self._name, ColumnType.DATE)
        # Where day and month could be either way round, nothing is guessed.
        if self._dates and set(self._dates) != _SLASHES:
            return Column(self._name, ColumnType.DATE, next(iter(self._dates)))
        most = max(_FEW_CATEGORIES, min(_MOST_CATEGORIES, self._present // 2))
        is_category = not self._values.more and len(self._values.counts) <= most
        return Column(self._name, ColumnType.CATEGORY if is_category else ColumnType.TEXT)
