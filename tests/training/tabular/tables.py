"""Small tables with everything that makes tables hard: gaps, rare and unseen categories, dates, constant columns."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import polars as pl

from datasets.tables.schema import Column, ColumnType, TableDataset, TableSchema, Task
from training.protocol import Workspace

NUMBER, CATEGORY, DATE, TEXT = ColumnType.NUMBER, ColumnType.CATEGORY, ColumnType.DATE, ColumnType.TEXT
COLUMNS = (
    Column("height", NUMBER),
    Column("steps", NUMBER),
    Column("colour", CATEGORY),
    Column("born", DATE),
    Column("always", NUMBER),
    Column("empty", NUMBER),
    Column("note", TEXT),
    Column("target", CATEGORY),
)


def table(folder: Path, classes: int, rows: int = 240, seed: int = 0) -> TableDataset:
    """A table whose target follows from its columns with some noise; 0 classes is regression.

    Every fifth row is held back; some of these have categories that no training row has.
    """
    random = np.random.default_rng(seed)
    height, steps = random.normal(size=rows), random.integers(0, 6, rows).astype(float)
    colour = random.choice(["red", "green", "blue"], rows)
    days = random.integers(0, 20_000, rows)
    parts = (np.arange(rows) % 5 == 0).astype(np.uint8)
    signal = height + 0.5 * steps + (colour == "red") + 0.3 * random.normal(size=rows)
    gaps = random.random((rows, 3)) < 0.1
    born = np.datetime64("1970-01-01") + days
    words = np.where(gaps[:, 2], "", colour).astype(object)
    words[(parts == 1) & (np.arange(rows) % 15 == 0)] = "never seen"
    words[[1, 2]] = ["rare", "rarer"]
    frame = {
        "height": [None if gap else repr(float(value)) for value, gap in zip(height, gaps[:, 0], strict=True)],
        "steps": ["?" if gap else f" {value} " for value, gap in zip(steps, gaps[:, 1], strict=True)],
        "colour": words.tolist(),
        "born": [str(day) if index % 9 else None for index, day in enumerate(born)],
        "always": ["7"] * rows,
        "empty": [None] * rows,
        "note": [f"row {index}" for index in range(rows)],
        "target": _targets(signal, classes),
    }
    return written(folder, frame, parts, COLUMNS, tuple(f"class {k}" for k in range(classes)))


def _targets(signal: np.ndarray, classes: int) -> list[str]:
    if not classes:
        return [repr(float(100 + 10 * value)) for value in signal]
    edges = np.quantile(signal, np.arange(1, classes) / classes)
    return [f"class {k}" for k in np.searchsorted(edges, signal)]


def written(
    folder: Path,
    frame: dict[str, list[str | None]],
    parts: np.ndarray,
    columns: tuple[Column, ...],
    classes: tuple[str, ...],
    group: str | None = None,
) -> TableDataset:
    """A dataset on disk; the target is the column `target`."""
    folder.mkdir(parents=True, exist_ok=True)
    path, marks = folder / "table.parquet", folder / "parts.parquet"
    pl.DataFrame(frame, schema=dict.fromkeys(frame, pl.String)).write_parquet(path)
    pl.DataFrame({"part": pl.Series(parts, dtype=pl.UInt8)}).write_parquet(marks)
    counts = [int((parts == part).sum()) for part in range(3)]
    task = Task.CLASSIFICATION if classes else Task.REGRESSION
    if not classes:
        columns = tuple(Column(c.name, NUMBER) if c.name == "target" else c for c in columns)
    schema = TableSchema(columns, "target", group=group)
    return TableDataset("tabular", schema, task, classes, path, marks, "0" * 64, not counts[1], *counts)


def workspace(folder: Path) -> Workspace:
    """One for a training."""
    folder.mkdir(parents=True, exist_ok=True)
    return Workspace(folder, folder / "none", download_weights=False, yolo_model="")
