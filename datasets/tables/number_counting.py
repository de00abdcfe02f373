"""What the cells of one column are as numbers, by each format in which numbers are written."""

from __future__ import annotations

from dataclasses import replace

import polars as pl

from datasets.tables.columns import numbers
from datasets.tables.profile import Summary, Unreadable
from datasets.tables.schema import NumberFormat
from datasets.tables.spread import Spread

# A column with more other cells than these is no column of numbers with some mistakes in it.
MOST_MISTAKEN = 0.05
GLANCE_ROWS = 200
_COMMA, _THOUSANDS = NumberFormat.DECIMAL_COMMA, NumberFormat.THOUSANDS_COMMA


class _Numbers:
    """Cells by one format.

    Attributes:
        spread: None once too many cells are no numbers.
        mistakes: cells that are none; they are not counted any more once they are too many.
    """

    def __init__(self, number_format: NumberFormat | None, spread: Spread):
        self._format = number_format
        self.spread: Spread | None = spread
        self.mistakes: Unreadable | None = None

    def is_worth_it(self, frame: pl.DataFrame, present: pl.Series, first: int) -> bool:
        """Whether at least half of the first cells are numbers, which most columns show; else that was it."""
        head, there = frame.head(GLANCE_ROWS), present.head(GLANCE_ROWS)
        bad = there & head.select(numbers(pl.col("text"), self._format).is_null()).to_series()
        if int(bad.sum()) <= int(there.sum()) / 2:
            return True
        self._note(head, bad, first)
        self._end()
        return False

    def add(self, frame: pl.DataFrame, present: pl.Series, first: int, most_mistakes: float) -> pl.Series | None:
        """Take in the next rows.

        Args:
            first: number of the first of them, from 0.
            most_mistakes: how many there may be by now.

        Returns:
            The numbers; None once there are too many mistakes.
        """
        if self.spread is None:
            return None
        values = frame.select(numbers(pl.col("text"), self._format)).to_series()
        bad = present & values.is_null()
        if bad.any():
            self._note(frame, bad, first)
        if self.mistakes and (self.mistakes.count or 0) > most_mistakes:
            self._end()
            return None
        self.spread.add(values, first)
        return values

    def _note(self, frame: pl.DataFrame, bad: pl.Series, first: int) -> None:
        here = self.mistakes or first_of(frame, bad, first)
        self.mistakes = replace(here, count=(here.count or 0) + int(bad.sum()))

    def _end(self) -> None:
        self.spread, self.mistakes = None, self.mistakes and replace(self.mistakes, count=None)


class NumberCounter:
    """One column as numbers: with a point, and as far as its cells give reason to look, by the other formats.

    Args:
        step: see `Spread`.
    """

    def __init__(self, step: int):
        self._plain = _Numbers(None, Spread(step))
        # None as long as every cell is the same number by the format as it is with a point.
        self._others: dict[NumberFormat, _Numbers | None] = dict.fromkeys(NumberFormat)
        self._apart = False

    def add(self, frame: pl.DataFrame, present: pl.Series, first: int, present_until_now: int) -> None:
        """Take in the next rows.

        Args:
            frame: their cells as `text`.
            present: which of them hold something.
            first: number of the first row, from 0.
        """
        before = self._plain.spread.copy() if self._plain.spread and self._is_plain else None
        most = MOST_MISTAKEN * present_until_now
        found: dict[NumberFormat | None, pl.Series | None]
        found = {None: self._plain.add(frame, present, first, most)}
        is_plain = self._is_plain
        for number_format, other in self._others.items():
            if other is None:
                if before is None or (is_plain and not (number_format is _COMMA and _has_points(frame))):
                    continue
                self._others[number_format] = other = _Numbers(number_format, before.copy())
            # What is a number with a point throughout is not taken for another one with a few mistakes.
            if other.spread and other.is_worth_it(frame, present, first):
                found[number_format] = other.add(frame, present, first, 0 if is_plain else most)
        commas, thousands = found.get(_COMMA), found.get(_THOUSANDS, found[None])
        if commas is not None and thousands is not None:
            self._apart = self._apart or bool((commas != thousands).any())

    @property
    def _is_plain(self) -> bool:
        return self._plain.mistakes is None

    @property
    def readable(self) -> tuple[NumberFormat | None, ...]:
        """Formats by which every cell is a number; None for a point and nothing between thousands."""
        others = (other for other in NumberFormat if not ((one := self._others[other]) and one.mistakes))
        return (*([None] if self._is_plain else []), *others)

    @property
    def is_ambiguous(self) -> bool:
        """Whether commas may be decimal ones or stand between thousands: cells are other numbers then."""
        return not self._is_plain and len(self.readable) == len(NumberFormat) and self._apart

    def summary(self, number_format: NumberFormat | None) -> Summary | None:
        """Of the numbers, without bins; None when there is none."""
        spread = (self._others.get(number_format) if number_format else None) or self._plain
        return spread.spread.summary() if spread.spread else None

    @property
    def mistakes(self) -> Unreadable | None:
        """Cells that are no numbers with a point."""
        return self._plain.mistakes

    def misread(self) -> dict[NumberFormat, Unreadable]:
        """Cells that are no numbers by the other formats."""
        return {key: other.mistakes for key, other in self._others.items() if other and other.mistakes}


def first_of(frame: pl.DataFrame, bad: pl.Series, first: int) -> Unreadable:
    """The first of the bad cells, which nobody has counted yet.

    Args:
        first: number of the first row, from 0.
    """
    index = int(bad.arg_max() or 0)
    return Unreadable(first + index + 1, str(frame.item(index, 0))[:100])


def _has_points(frame: pl.DataFrame) -> bool:
    points = pl.col("text").str.contains(".", literal=True).any()
    return any(bool(frame.head(rows).select(points).item()) for rows in (GLANCE_ROWS, len(frame)))
