"""How good is `auto` for tables? Beside scikit-learn's HistGradientBoosting with its defaults, on the same rows.

    python -m benchmarks.tabular [--seconds 300] [--seeds 3] [--data cancer wine digits diabetes made]

Each seed holds back a quarter of the rows, drawn anew. The baseline sees the same rows and is scored on the same ones:
accuracy and macro F1 for classes, R² for values. Seconds are of everything: for ours, the comparison of algorithms, the
export, its check, the scores and the pictures.
"""

from __future__ import annotations

import argparse
import os
import platform
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path

import numpy as np
import polars as pl

from benchmarks.classification import Printer
from datasets.tables.schema import Column, ColumnType, TableDataset, TableSchema, Task
from training.protocol import Workspace
from training.tabular.trainer import TabularParams, TabularTrainer

HELD_BACK = 0.25
Data = tuple[np.ndarray, np.ndarray]


class Silent(Printer):
    """A report that is not shown."""

    def log(self, line: str) -> None:
        """Lines are not shown."""


def made() -> Data:
    """8,000 places with eight columns as in a census of houses; the value has steps, bends and a corner on the map."""
    random = np.random.default_rng(0)
    rows = 8_000
    income, age = random.lognormal(1.2, 0.45, rows), random.integers(1, 53, rows).astype(float)
    rooms, persons = random.lognormal(1.6, 0.3, rows), random.lognormal(1.05, 0.25, rows)
    north, west = random.uniform(32, 42, rows), random.uniform(-124, -114, rows)
    crowd, noise = random.lognormal(7, 0.7, rows), random.normal(0, 0.35, rows)
    coast = np.exp(-np.abs(west + 124 - 0.9 * (42 - north)) / 1.5)
    value = 0.45 * income + 1.5 * coast * (1 + 0.2 * income) + 0.01 * age + 0.3 * np.log(rooms / persons) + noise
    columns = [income, age, rooms, persons, north, west, crowd, income * rooms / persons]
    return np.column_stack(columns), np.minimum(value, 6.0)


def _packaged(name: str) -> Callable[[], Data]:
    def load() -> Data:
        from sklearn import datasets

        found = getattr(datasets, f"load_{name}")()
        return found.data, found.target

    return load


DATA: dict[str, tuple[Callable[[], Data], bool]] = {
    "cancer": (_packaged("breast_cancer"), True),
    "wine": (_packaged("wine"), True),
    "digits": (_packaged("digits"), True),
    "diabetes": (_packaged("diabetes"), False),
    "made": (made, False),
}


def held_back(targets: np.ndarray, classes: bool, seed: int) -> np.ndarray:
    """Which rows are held back, as booleans; of each class as many."""
    from sklearn.model_selection import train_test_split

    rows = np.arange(len(targets))
    _, held = train_test_split(rows, test_size=HELD_BACK, random_state=seed, stratify=targets if classes else None)
    return np.isin(rows, held)


def write(folder: Path, rows: np.ndarray, targets: np.ndarray, classes: bool, held: np.ndarray) -> TableDataset:
    """The table as a trainer gets it."""
    names = [f"column {number}" for number in range(rows.shape[1])]
    frame = {name: [repr(float(cell)) for cell in column] for name, column in zip(names, rows.T, strict=True)}
    frame["target"] = [f"{value:03d}" if classes else repr(float(value)) for value in targets]
    pl.DataFrame(frame).write_parquet(folder / "table.parquet")
    pl.DataFrame({"part": pl.Series(held, dtype=pl.UInt8)}).write_parquet(folder / "parts.parquet")
    target = Column("target", ColumnType.CATEGORY if classes else ColumnType.NUMBER)
    schema = TableSchema((*(Column(name, ColumnType.NUMBER) for name in names), target), "target")
    found = tuple(sorted(set(frame["target"]))) if classes else ()
    task = Task.CLASSIFICATION if classes else Task.REGRESSION
    paths, counts = (folder / "table.parquet", folder / "parts.parquet"), (int((~held).sum()), int(held.sum()))
    return TableDataset("tabular", schema, task, found, *paths, "benchmark", False, *counts, 0)


def run_ours(dataset: TableDataset, folder: Path, seconds: int, seed: int) -> tuple[np.ndarray, str]:
    """Score, macro F1 (not a number for values) and seconds; and what `auto` chose."""
    started = time.perf_counter()
    workspace = Workspace(folder / "work", folder / "none", download_weights=False, yolo_model="")
    workspace.folder.mkdir()
    params = TabularParams(time_budget_seconds=seconds, seed=seed)
    card = TabularTrainer().fit(dataset, params, workspace, Silent()).card
    took, metrics = time.perf_counter() - started, card.metrics
    return np.array([metrics["score"], metrics.get("f1_macro", np.nan), took]), card.architecture


def run_baseline(data: Data, classes: bool, held: np.ndarray, seed: int) -> np.ndarray:
    """Score, macro F1 and seconds of the line that one writes first."""
    from sklearn.ensemble import HistGradientBoostingClassifier, HistGradientBoostingRegressor
    from sklearn.metrics import f1_score

    started = time.perf_counter()
    rows, targets = data
    kind = HistGradientBoostingClassifier if classes else HistGradientBoostingRegressor
    model = kind(random_state=seed).fit(rows[~held], targets[~held])
    score, took = model.score(rows[held], targets[held]), time.perf_counter() - started
    f1 = f1_score(targets[held], model.predict(rows[held]), average="macro") if classes else np.nan
    return np.array([score, f1, took])


def compare(name: str, seconds: int, seeds: int) -> None:
    """Run both on one table with several seeds, and print a line."""
    load, classes = DATA[name]
    data, ours, theirs, chosen = load(), [], [], []
    for seed in range(seeds):
        held = held_back(data[1], classes, seed)
        with tempfile.TemporaryDirectory() as place:
            dataset = write(Path(place), *data, classes, held)
            figures, kind = run_ours(dataset, Path(place), seconds, seed)
        ours.append(figures)
        theirs.append(run_baseline(data, classes, held, seed))
        chosen.append(kind)
        print(f"  seed {seed}: ours {figures[0]:.4f}, HistGradientBoosting {theirs[-1][0]:.4f}: {kind}", flush=True)
    mine, base = np.mean(ours, 0), np.mean(theirs, 0)
    print(
        f"{name:9} ours {_told(mine)}   HistGradientBoosting {_told(base)}   ours is {mine[0] - base[0]:+.4f}",
        flush=True,
    )


def _told(figures: np.ndarray) -> str:
    score, f1, seconds = figures
    return f"{score:.4f}{'' if np.isnan(f1) else f' (F1 {f1:.4f})'} in {seconds:6.1f} s"


def main() -> None:
    """Run what was asked for."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--seconds", type=int, default=300, help="the time budget of `auto`")
    parser.add_argument("--seeds", type=int, default=3)
    parser.add_argument("--data", nargs="*", choices=DATA, default=list(DATA))
    arguments = parser.parse_args()
    machine = f"{platform.machine()}, {os.cpu_count()} cores, Python {platform.python_version()}"
    print(f"{machine}: python -m benchmarks.tabular {' '.join(sys.argv[1:])}")
    for name in arguments.data:
        compare(name, arguments.seconds, arguments.seeds)


if __name__ == "__main__":
    main()
