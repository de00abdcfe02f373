"""When the rows of series were read: how far apart, and what is odd about it."""

from __future__ import annotations

from array import array
from collections.abc import Callable, Iterator
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from datasets.findings import Finding
from datasets.series.schema import SeriesSchema
from datasets.series.times import time_reader
from datasets.tables.cells import bare, shown
from datasets.tables.rows_file import ReadRange, RowIndex
from datasets.tables.schema import Column
from utils import plural

MOST_ROWS = 100_000
_LEAST_ROWS, _MOST_CELLS = 1_000, 2_000_000
_GAP = 3.0
_UNEVEN, _MOSTLY_EVEN = 0.1, 0.9
_UNITS = ((86_400.0, "d"), (3_600.0, "h"), (60.0, "min"), (1.0, "s"), (1e-3, "ms"))


@dataclass(frozen=True)
class Timing:
    """What is known of the times of some rows.

    Attributes:
        interval: seconds from one row to the next of its series, the median of those that are not 0; None when no two
            rows have different times.
        gaps: steps of more than three intervals; `longest` and `gone` seconds, the longest of them and all together.
        uneven: steps that are no gaps and are 10 % more or less than the interval; of `steps`.
        backwards: rows that are earlier than the one of their series before them in the file.
        doubles: rows of the same time as another of their series.
        missing: rows without a time.
    """

    rows: int
    interval: float | None
    steps: int
    gaps: int
    longest: float
    gone: float
    uneven: int
    backwards: int
    doubles: int
    missing: int

    def findings(self, name: str, of: str = "") -> Iterator[Finding]:
        """In words.

        Args:
            name: of the time column.
            of: of which rows, when not of all.
        """
        column, usual = f"the time column {shown(name)}", span(self.interval or 0)
        if self.missing:
            yield Finding("missing_times", f"{plural(self.missing, 'row')}{of} without a time in {column}: left out")
        if self.backwards:
            rows = plural(self.backwards, "row")
            yield Finding("times_go_back", f"{rows}{of} earlier than the row before, by {column}: sorted by time")
        if self.doubles:
            rows = plural(self.doubles, "row")
            yield Finding("double_times", f"{rows}{of} with the same time as another of the series: all of them count")
        if self.gaps:
            yield Finding(
                "gaps",
                f"{plural(self.gaps, 'gap')}{of} in {column}, where rows come every {usual}: the longest is of "
                f"{span(self.longest)}, {span(self.gone)} are missing in all",
            )
        if self.uneven > (1 - _MOSTLY_EVEN) * self.steps:
            share = self.uneven / self.steps
            yield Finding(
                "irregular_times",
                f"rows{of} come every {usual} by {column}, and {share:.0%} of the steps are more than 10 % off that: a "
                "model takes rows as they come; even steps make better ones",
            )


def timing(times: NDArray[np.float64], series: NDArray[np.int64]) -> Timing:
    """Look at the times of rows in the order of the file.

    Args:
        times: float64 [n], seconds; NaN for none.
        series: int64 [n], equal for rows of one series.
    """
    known = ~np.isnan(times)
    times, series = times[known], series[known]
    order = np.argsort(series, kind="stable")
    backwards = int((_steps(times[order], series[order]) < 0).sum())
    order = np.lexsort((times, series))
    steps = _steps(times[order], series[order])
    doubles, steps = int((steps == 0).sum()), steps[steps > 0]
    interval = float(np.median(steps)) if len(steps) else None
    gaps = steps[steps > _GAP * (interval or 0)]
    within = steps[steps <= _GAP * (interval or 0)]
    return Timing(
        rows=len(known),
        interval=interval,
        steps=len(steps),
        gaps=len(gaps),
        longest=float(gaps.max(initial=0)),
        gone=float(gaps.sum() - len(gaps) * (interval or 0)),
        uneven=int((np.abs(within - (interval or 0)) > _UNEVEN * (interval or 0)).sum()),
        backwards=backwards,
        doubles=doubles,
        missing=int((~known).sum()),
    )


def _steps(times: NDArray[np.float64], series: NDArray[np.int64]) -> NDArray[np.float64]:
    """From each row to the next where both are of one series."""
    return np.diff(times)[np.diff(series) == 0]


def findings(schema: SeriesSchema, index: RowIndex, read: ReadRange) -> list[Finding]:
    """What is odd about the times of a table's first rows, as many as are looked at in a second or so.

    Args:
        read: gives a part of the rows file.
    """
    if schema.time is None:
        return []
    places = {column.name: place for place, column in enumerate(schema.columns)}
    when, which = places[schema.time], None if schema.series is None else places[schema.series]
    seconds_of = _reader(schema.column(schema.time))
    most = min(MOST_ROWS, max(_LEAST_ROWS, _MOST_CELLS // len(schema.columns)))
    numbers: dict[str, int] = {}
    times, series = array("d"), array("q")
    for row in index.read(read, 0, most):
        times.append(seconds_of(row[when]))
        name = "" if which is None else bare(row[which]) or ""
        series.append(numbers.setdefault(name, len(numbers)))
    of = f" of the first {len(times):,}" if len(times) < index.rows[-1] else ""
    return list(timing(np.array(times), np.array(series, np.int64)).findings(schema.time, of))


def _reader(column: Column) -> Callable[[str | None], float]:
    """Seconds; NaN for what is no time."""
    read = time_reader(column)

    def seconds(text: str | None) -> float:
        try:
            value = read(text)
        except ValueError:
            return np.nan
        return np.nan if value is None else value

    return seconds


def span(seconds: float) -> str:
    """A length of time for a person: `250 ms`, `1 s`, `2.5 h`."""
    unit, name = next(((unit, name) for unit, name in _UNITS if seconds >= unit), _UNITS[-1])
    return f"{seconds / unit:.3g} {name}"
