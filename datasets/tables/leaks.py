"""Columns that all but say the target: a model that has them learns nothing else, and they are often unknown later."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

import polars as pl

from datasets.findings import Finding
from datasets.tables.cells import shown
from datasets.tables.columns import values
from datasets.tables.rows_file import ReadRange, Row, RowIndex
from datasets.tables.schema import Column, ColumnType, TableSchema, Task
from datasets.tables.warnings import LEAKS_TARGET

_LEAST = 0.99
_LEAST_ROWS = 20
_SAMPLE_BYTES = 1024 * 1024
_MOST_COLUMNS = 1000
_MOST_ROWS = 50_000


def leaks(schema: TableSchema, task: Task, index: RowIndex, read: ReadRange) -> dict[str, Finding]:
    """Warnings about features that tell the target, by their names; looks at some of the rows.

    Args:
        read: gives bytes of the rows file, as `RowIndex.read` takes it.
    """
    rows = list(index.sample(read, _SAMPLE_BYTES))
    return leaks_in(schema, task, rows[:: max(1, len(rows) // _MOST_ROWS)])


def leaks_in(schema: TableSchema, task: Task, rows: Sequence[Row]) -> dict[str, Finding]:
    """As `leaks`, of these rows; their cells are in the order of the schema's columns."""
    text = {column.name: pl.String() for column in schema.columns}
    features = [column for column in schema.features if column.type is not ColumnType.TEXT][:_MOST_COLUMNS]
    target = schema.target_column if task is Task.REGRESSION else Column(schema.target, ColumnType.CATEGORY)
    wanted = [values(column).alias(f"{number}") for number, column in enumerate(features)]
    frame = pl.DataFrame(rows, schema=text, orient="row").select(*wanted, values(target).alias("target"))
    frame = frame.drop_nulls("target")
    find = _correlated if task is Task.REGRESSION else _ruled
    return {features[number].name: finding for number, finding in find(frame, features)}


def _correlated(frame: pl.DataFrame, features: Sequence[Column]) -> Iterator[tuple[int, Finding]]:
    """Spearman's rank correlation, which any rising or falling function keeps."""
    for number, column in enumerate(features):
        if column.type is ColumnType.CATEGORY:
            continue
        pair = frame.select(pl.col(str(number)).alias("x"), pl.col("target").alias("y")).drop_nulls()
        if len(pair) < _LEAST_ROWS or pair["x"].n_unique() < 2 or pair["y"].n_unique() < 2:
            continue
        correlation = abs(pair.select(pl.corr("x", "y", method="spearman")).item())
        if correlation >= _LEAST:
            yield number, _finding(column, f"its rank correlation with the target is {correlation:.3f}")


def _ruled(frame: pl.DataFrame, features: Sequence[Column]) -> Iterator[tuple[int, Finding]]:
    """One-rule accuracy: what the most frequent class of each value, of one half of the rows, says of the other half.

    See Holte 1993, "Very Simple Classification Rules Perform Well on Most Commonly Used Datasets".
    """
    # Rows may alternate, so which half one is in must not.
    half = (pl.int_range(pl.len(), dtype=pl.UInt64) * 2654435761 // 2**16) % 2
    halves = frame.with_columns(half.alias("half"))
    for number, column in enumerate(features):
        pair = halves.select("half", pl.col(str(number)).alias("x"), pl.col("target").alias("y")).drop_nulls()
        learned, asked = pair.filter(pl.col("half") == 0), pair.filter(pl.col("half") == 1)
        if min(len(learned), len(asked)) < _LEAST_ROWS // 2:
            continue
        right = _share_right(learned, asked, column.type is ColumnType.CATEGORY)
        usual = max(asked["y"].value_counts()["count"].to_list()) / len(asked)
        # Where nearly all rows are of one class, saying so is nearly always right.
        if right >= max(_LEAST, 1 - (1 - usual) / 10) and usual < 1:
            yield number, _finding(column, f"it alone tells the class of {right:.1%} of the rows")


def _share_right(learned: pl.DataFrame, asked: pl.DataFrame, is_category: bool) -> float:
    """Of how many rows the rule tells the class; that of a number is that of the nearest one known."""
    rule = learned.group_by("x").agg(pl.col("y").mode().min().alias("said")).sort("x")
    if is_category:
        said = asked.join(rule, on="x", how="left")
    else:
        said = asked.sort("x").join_asof(rule, on="x", strategy="nearest")
    return float(said.select((pl.col("said") == pl.col("y")).fill_null(False).mean()).item())


def _finding(column: Column, why: str) -> Finding:
    return Finding(
        LEAKS_TARGET,
        f"the column {shown(column.name)} gives the target away: {why}: leave it out (ignored) unless it is known "
        "before the target is",
    )
