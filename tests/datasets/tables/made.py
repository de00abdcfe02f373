"""Tables that tests make."""

from __future__ import annotations

import csv
import io
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path

import polars as pl

from datasets.tables.profile import TableProfile
from datasets.tables.profiling import Parts, profile_of


def csv_of(columns: Mapping[str, Sequence[object]]) -> bytes:
    """A CSV file of these columns."""
    text = io.StringIO(newline="")
    csv.writer(text).writerows([list(columns), *zip(*columns.values(), strict=True)])
    return text.getvalue().encode()


def profiled(columns: Mapping[str, Iterable[str | None]], folder: Path, part_rows: int = 7) -> TableProfile:
    """The profile of a table that lies in parts of so many rows."""
    frame = pl.DataFrame(
        {name: list(cells) for name, cells in columns.items()}, schema=dict.fromkeys(columns, pl.String)
    )
    parts = Parts(folder, tuple(columns))
    for part in frame.iter_slices(part_rows):
        parts.add(part)
    return profile_of(parts, lambda done: None)
