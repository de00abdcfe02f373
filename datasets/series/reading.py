"""Time series from the rows on disk: one array a series, by time."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import polars as pl

from datasets.series.schema import LABELS, SeriesRows, SeriesSchema
from datasets.series.times import SCALES
from datasets.tables.cells import SECONDS_OF_A_DAY
from datasets.tables.columns import bare, dates, numbers, values
from datasets.tables.schema import LEFT_OUT_PART, Column, ColumnType


def seconds(column: Column) -> pl.Expr:
    """float64, seconds since 1970-01-01 UTC by the rules of `datasets.series.times`; null for none."""
    if column.type is not ColumnType.NUMBER:
        return (dates(pl.col(column.name), column.date_format) * SECONDS_OF_A_DAY).round(4)
    number = values(column)
    scaled = pl.lit(None, pl.Float64)
    for limit, scale in reversed(SCALES):
        scaled = pl.when(number.abs() < limit).then(number * scale).otherwise(scaled)
    return scaled


def labels(column: Column) -> pl.Expr:
    """uint8, 0 normal and 1 anomaly; null for a missing cell and for any other."""
    word = bare(pl.col(column.name)).str.to_lowercase()
    # As numbers a column may say 1.0 as well.
    number = numbers(pl.col(column.name), column.number_format)
    said = word.replace_strict(LABELS, default=None, return_dtype=pl.UInt8)
    return pl.coalesce(said, pl.when(number.is_in([0.0, 1.0])).then(number).cast(pl.UInt8))


def names(schema: SeriesSchema) -> pl.Expr:
    """Text, the series of each row; empty where there is none."""
    return bare(pl.col(schema.series)).fill_null("") if schema.series is not None else pl.lit("")


def read_series(schema: SeriesSchema, path: Path, parts: Path) -> list[SeriesRows]:
    """The series of a file of text, without the rows that are left out; see `datasets.series.schema`."""
    columns = {column.name: column for column in schema.columns}
    sensors = (values(columns[name]).alias(f"{at}") for at, name in _sensors(schema))
    wanted = [names(schema).alias("series"), *sensors]
    if schema.time is not None:
        wanted.append(seconds(schema.column(schema.time)).alias("time"))
    if schema.label is not None:
        wanted.append(labels(schema.column(schema.label)).fill_null(0).alias("label"))
    frame = pl.scan_parquet(path).select(wanted).with_row_index("row").collect()
    frame = frame.with_columns(pl.read_parquet(parts)["part"]).filter(pl.col("part") != LEFT_OUT_PART)
    # A stable order: rows of one time stay as they are in the file.
    frame = frame.sort("series", *(["time"] if schema.time is not None else []), maintain_order=True)
    return [_rows(schema, name, rows) for (name,), rows in frame.group_by("series", maintain_order=True)]


def _sensors(schema: SeriesSchema) -> list[tuple[int, str]]:
    return list(enumerate(schema.sensors))


def _rows(schema: SeriesSchema, name: object, frame: pl.DataFrame) -> SeriesRows:
    columns = [frame[f"{at}"].fill_null(np.nan).to_numpy() for at, _ in _sensors(schema)]
    return SeriesRows(
        name=str(name),
        times=None if schema.time is None else frame["time"].to_numpy(),
        values=np.stack(columns, 1) if columns else np.empty((len(frame), 0)),
        labels=None if schema.label is None else frame["label"].to_numpy(),
        parts=frame["part"].to_numpy(),
        rows=frame["row"].cast(pl.Int64).to_numpy(),
    )
