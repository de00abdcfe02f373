"""Small series with everything that makes series hard: several of them, gaps, constant sensors, steps, labels."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import polars as pl

from datasets.series.schema import SeriesDataset, SeriesSchema
from datasets.tables.schema import Column, ColumnType
from tests.training.recorder import Recorder
from training.anomaly.trainer import AnomalyParams, AnomalyTrainer
from training.protocol import TrainedModel, Workspace

SENSORS = ("flow", "pressure", "heat", "always")
COLUMNS = (
    Column("at", ColumnType.DATE),
    Column("machine", ColumnType.CATEGORY),
    *(Column(name, ColumnType.NUMBER) for name in SENSORS),
    Column("label", ColumnType.NUMBER),
)


def readings(rows: int = 300, fault: tuple[int, int] | None = None, seed: int = 0) -> np.ndarray:
    """float64 [rows, 4]: flow and pressure follow one cause, heat reads in steps, one stays; a fault moves two."""
    random = np.random.default_rng(seed)
    cause = np.sin(np.arange(rows) / 7) + 0.3 * random.normal(size=rows)
    flow, pressure = 20 + cause, 5 + 0.4 * cause + 0.1 * random.normal(size=rows)
    heat = np.round(70 + 0.3 * random.normal(size=rows), 1)
    values = np.stack([flow, pressure, heat, np.full(rows, 7.0)], 1)
    if fault:
        values[slice(*fault), 0] += 4
        values[slice(*fault), 2] += 2
    return values


def series(
    folder: Path,
    rows: int = 300,
    machines: int = 2,
    fault: tuple[int, int] | None = None,
    labelled: bool = False,
    gaps: bool = True,
) -> SeriesDataset:
    """Readings of machines, a row a second, mixed with each other; of each the first 60 % train, then val, then test.

    Only a labelled set has test rows. Every 13th flow is missing where there are gaps.
    """
    frames = []
    for machine in range(machines):
        values = readings(rows, fault, machine)
        columns = {name: [repr(float(cell)) for cell in column] for name, column in zip(SENSORS, values.T, strict=True)}
        if gaps:
            columns["flow"] = ["" if row % 13 == 12 else cell for row, cell in enumerate(columns["flow"])]
        times = (np.datetime64("2026-01-01T00:00:00") + np.arange(rows)).astype(str).tolist()
        anomalous = [fault is not None and fault[0] <= row < fault[1] for row in range(rows)]
        parts = np.repeat([0, 1, 2 if labelled else 1], [int(0.6 * rows), int(0.2 * rows), rows - int(0.8 * rows)])
        frames.append(
            pl.DataFrame(
                {
                    "at": times,
                    "machine": [f"m{machine}"] * rows,
                    **columns,
                    "label": [str(int(one)) for one in anomalous],
                    "part": parts.astype(np.uint8),
                }
            )
        )
    frame = pl.concat(frames).sort("at", maintain_order=True)
    folder.mkdir(parents=True, exist_ok=True)
    frame.drop("part").write_parquet(folder / "rows.parquet")
    frame.select("part").write_parquet(folder / "parts.parquet")
    counts = [int((frame["part"] == part).sum()) for part in range(3)]
    ignored = frozenset() if labelled else frozenset({"label"})
    schema = SeriesSchema(COLUMNS, "at", "machine", "label" if labelled else None, ignored)
    paths = (folder / "rows.parquet", folder / "parts.parquet")
    return SeriesDataset("anomaly", schema, *paths, "0" * 64, False, *counts)


def workspace(folder: Path) -> Workspace:
    folder.mkdir(parents=True, exist_ok=True)
    return Workspace(folder, folder / "weights", False, "yolo26n")


def train(dataset: SeriesDataset, folder: Path, **given: object) -> tuple[TrainedModel, Recorder]:
    recorder = Recorder()
    model = AnomalyTrainer().fit(dataset, AnomalyParams(**given), workspace(folder / "work"), recorder)
    return model, recorder
