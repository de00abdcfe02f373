"""The profile of a table that lies on disk in parts: some columns at a time, so that memory stays bounded."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path

import numpy as np
import polars as pl
from numpy.typing import NDArray

from datasets.tables.columns import values
from datasets.tables.counting import MOST_SAMPLED_ROWS, ColumnCounter
from datasets.tables.profile import ColumnProfile, Summary, TableProfile, kept_values
from datasets.tables.schema import Column, ColumnType, NumberFormat

_COLUMNS_TOGETHER = 32


@dataclass
class Parts:
    """Frames of text on disk, each in a file."""

    folder: Path
    names: tuple[str, ...]
    rows: int = 0
    paths: list[Path] = field(default_factory=list)

    def add(self, frame: pl.DataFrame) -> None:
        """Put the next rows down."""
        path = self.folder / f"{len(self.paths)}.parquet"
        frame.write_parquet(path, compression="lz4", statistics=False)
        self.paths.append(path)
        self.rows += len(frame)

    def read(self, names: Sequence[str]) -> Iterator[pl.DataFrame]:
        """Some columns of all rows."""
        for path in self.paths:
            yield pl.read_parquet(path, columns=list(names))


def profile_of(parts: Parts, look: Callable[[float], None]) -> TableProfile:
    """Go through all columns.

    Args:
        look: is called now and then with how much is done, 0 to 1; may raise.
    """
    step = max(1, -(-parts.rows // MOST_SAMPLED_ROWS))
    profiles: list[ColumnProfile] = []
    for start in range(0, len(parts.names), _COLUMNS_TOGETHER):
        names = parts.names[start : start + _COLUMNS_TOGETHER]

        def looked(done: float, before: int = start, count: int = len(names)) -> None:
            look((before + done * count) / len(parts.names))

        profiles += _profiles(parts, names, step, looked)
    return TableProfile(parts.rows, tuple(profiles))


def _profiles(parts: Parts, names: Sequence[str], step: int, look: Callable[[float], None]) -> list[ColumnProfile]:
    counters = {name: ColumnCounter(name, step) for name in names}
    for number, frame in enumerate(parts.read(names)):
        for name, counter in counters.items():
            look(number / len(parts.paths))
            counter.add(frame[name])
    most = kept_values(parts.names)
    profiles = {name: counter.profile(most) for name, counter in counters.items()}
    return list(_with_bins(parts, profiles, look).values())


def _with_bins(
    parts: Parts, profiles: dict[str, ColumnProfile], look: Callable[[float], None]
) -> dict[str, ColumnProfile]:
    """The same with histograms, for which the least and the greatest value must be known."""
    spread = {read: summary for profile in profiles.values() for read, summary in _summaries(profile)}
    if not spread:
        return profiles
    found = {read: np.zeros(0, np.int64) for read in spread}
    for number, frame in enumerate(parts.read(list(dict.fromkeys(read.name for read in spread)))):
        look(number / len(parts.paths))
        for read, summary in spread.items():
            here = frame.select(values(read)).to_series().drop_nulls().to_numpy()
            counts = np.histogram(here, _edges(summary))[0]
            found[read] = counts if not len(found[read]) else found[read] + counts
    told = {read: replace(summary, bins=tuple(map(int, found[read]))) for read, summary in spread.items()}
    return {name: _told(profile, told) for name, profile in profiles.items()}


def _summaries(profile: ColumnProfile) -> Iterator[tuple[Column, Summary]]:
    """Each with the column as it is read for it."""
    if profile.summary:
        yield profile.column, profile.summary
    for number_format, summary in profile.numbers.items():
        if summary:
            yield _as_numbers(profile, number_format), summary


def _told(profile: ColumnProfile, told: dict[Column, Summary]) -> ColumnProfile:
    numbers = {key: told.get(_as_numbers(profile, key)) if item else None for key, item in profile.numbers.items()}
    return replace(profile, summary=told.get(profile.column), numbers=numbers)


def _as_numbers(profile: ColumnProfile, number_format: NumberFormat) -> Column:
    return Column(profile.column.name, ColumnType.NUMBER, number_format=number_format)


def _edges(summary: Summary) -> NDArray[np.float64]:
    """Of the bins; of one bin where the values lie too near to each other for more."""
    found = np.array(summary.edges())
    return found if bool((np.diff(found) > 0).all()) else np.array(summary.edges(1))
