"""Which rows of time series are trained on: the first of each series; what comes later is held back."""

from __future__ import annotations

import math
from pathlib import Path

import numpy as np
import polars as pl
from numpy.typing import NDArray

from datasets.series.reading import labels, names, seconds
from datasets.series.record import RecordedSeries
from datasets.series.schema import SeriesDataset
from datasets.series.snapshot import SeriesSnapshot
from datasets.series.timing import timing
from datasets.tables.cache import TableCache
from datasets.tables.schema import LEFT_OUT_PART, TEST_PART, TRAIN_PART, VAL_PART
from datasets.tables.split import Parts
from storage.files import Files
from utils import InvalidInput, plural

_TEST_SHARE = 3
# What a training takes at least, see `AnomalyParams`.
_LEAST_SPLIT = 0.3


def split_series(
    times: NDArray[np.float64] | None, series: NDArray[np.int64], train_fraction: float, labelled: bool
) -> Parts:
    """The part of each row: by time within each series, and nothing is shuffled.

    Of each series the first rows are trained on, one at least; the rest is validated on. Of a labelled rest the last
    third is for the test. Rows without a time are left out.

    Args:
        times: float64 [n], NaN for none; None where rows are in order.
        series: int64 [n], equal for rows of one series.
        train_fraction: of the rows of each series.
    """
    parts = np.full(len(series), LEFT_OUT_PART, np.uint8)
    used = np.arange(len(series)) if times is None else np.flatnonzero(~np.isnan(times))
    # Rows of one time stay in the order of the file.
    keys = (series[used],) if times is None else (times[used], series[used])
    order = used[np.lexsort(keys)]
    for rows in np.split(order, np.flatnonzero(np.diff(series[order])) + 1):
        trained = max(1, round(train_fraction * len(rows)))
        tested = (len(rows) - trained) // _TEST_SHARE if labelled else 0
        parts[rows[:trained]] = TRAIN_PART
        parts[rows[trained : len(rows) - tested]] = VAL_PART
        parts[rows[len(rows) - tested :]] = TEST_PART
    return parts


def record_split(snapshot: SeriesSnapshot, files: Files, cache: TableCache, train_fraction: float) -> RecordedSeries:
    """Split a snapshot's rows; raises as `TableCache.fetch`.

    Raises:
        InvalidInput: no row has a time.
    """
    schema = snapshot.schema
    if schema is None:
        raise ValueError("there is no table in this snapshot")
    wanted = [names(schema).rank("dense").alias("series")]
    if schema.time is not None:
        wanted.append(seconds(schema.column(schema.time)).alias("time"))
    rows = pl.scan_parquet(cache.fetch(snapshot, files))
    if schema.label is not None:
        wanted.append(labels(schema.column(schema.label)).fill_null(0).alias("label"))
    # Any column of the file makes it as many rows as the file has.
    frame = rows.select(pl.first().alias("any"), *wanted).collect()
    told: list[str] = []
    times = None
    if schema.time is not None:
        times = frame["time"].fill_null(np.nan).to_numpy()
        if np.isnan(times).all():
            raise InvalidInput(f"no row has a time in the column '{schema.time}': choose another, or none")
    series = frame["series"].to_numpy().astype(np.int64)
    if times is not None and schema.time is not None:
        told = [finding.message for finding in timing(times, series).findings(schema.time)]
    parts = split_series(times, series, train_fraction, schema.label is not None)
    if schema.label is not None:
        told += not_held_back(frame["label"].to_numpy() > 0, parts, times, series)
    if count := len(np.unique(series)):
        told.append(f"{plural(count, 'series', 'series')}, {plural(len(schema.sensors), 'sensor')}")
    return RecordedSeries(snapshot, parts, tuple(told))


def not_held_back(
    anomalies: NDArray[np.bool_], parts: Parts, times: NDArray[np.float64] | None, series: NDArray[np.int64]
) -> list[str]:
    """What to do where all labelled anomalies are among the rows to train on: metrics know of none then."""
    used = parts != LEFT_OUT_PART
    count = int((anomalies & used).sum())
    if not count or (anomalies & used & (parts != TRAIN_PART)).any():
        return []
    order = np.lexsort((series,) if times is None else (times, series))
    rows = order[used[order]]
    shares = [
        float(np.flatnonzero(anomalies[one])[0] / len(one))
        for one in np.split(rows, np.flatnonzero(np.diff(series[rows])) + 1)
        if anomalies[one].any()
    ]
    least = math.floor(20 * min(shares)) / 20
    what = f"with a `train_split` of {least:g} they are" if least >= _LEAST_SPLIT else "they come too early for that"
    verb = "row that is labelled an anomaly is" if count == 1 else "rows that are labelled anomalies are"
    return [
        f"{count:,} {verb} among those to train on, and none is held back, so no figure says how many are found: {what}"
    ]


def series_on_disk(data: RecordedSeries, files: Files, cache: TableCache, folder: Path) -> SeriesDataset:
    """The rows on disk with their parts, for a trainer; raises as `TableCache.fetch`.

    Args:
        folder: where the file of the parts goes.
    """
    snapshot = data.snapshot
    if snapshot.schema is None:
        raise ValueError("there is no table in this snapshot")
    path, parts = cache.bring(data, files, folder)
    return SeriesDataset(
        project_type=snapshot.project_type,
        schema=snapshot.schema,
        path=path,
        parts=parts,
        **data.dataset_fields,
    )
