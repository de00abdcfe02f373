"""Races and large tables: which rows are learned from, and on which algorithms are compared."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from datasets.tables.schema import Column
from tests.training.recorder import Recorder
from tests.training.tabular.tables import CATEGORY, DATE, NUMBER, table, workspace, written
from training.tabular import drawing, validation
from training.tabular.algorithms.registry import ALGORITHMS
from training.tabular.data import load, shape_of
from training.tabular.drawing import drawn, most_rows
from training.tabular.fitting import Candidate
from training.tabular.trainer import TabularParams, TabularTrainer
from training.tabular.validation import Race, Validated


def test_rows_are_drawn_by_the_seed_and_stay_in_order():
    targets = np.random.default_rng(0).normal(size=1000)
    first = drawn(targets, 100, 1)
    assert len(first) == len(set(first)) == 100
    assert (np.diff(first) > 0).all()
    assert (first == drawn(targets, 100, 1)).all()
    assert set(first) != set(drawn(targets, 100, 2))
    assert drawn(targets, 1000, 1).tolist() == list(range(1000))


def test_a_rare_class_keeps_its_rows():
    targets = np.zeros(10_000, dtype=np.int64)
    targets[[5, 700, 9_999]] = 1
    targets[3_000:3_100] = 2
    counts = np.bincount(targets[drawn(targets, 1_000, 0)])
    assert counts.sum() == 1_000
    assert counts[1] == 3
    assert counts[2] >= 20


def test_how_many_rows_fit_depends_on_what_columns_become(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    frame: dict[str, list[str | None]] = {
        "size": [str(row) for row in range(300)],
        "colour": [("red", "blue", None)[row % 3] for row in range(300)],
        "name": [f"n{row}" for row in range(300)],
        "born": ["2020-01-01"] * 300,
        "target": ["1"] * 300,
    }
    columns = tuple(map(Column, frame, (NUMBER, CATEGORY, CATEGORY, DATE, NUMBER)))
    dataset = written(tmp_path, frame, np.zeros(300, np.uint8), columns, ())
    shape = shape_of(dataset)
    monkeypatch.setattr(drawing, "_LEAST_ROWS", 1)
    monkeypatch.setattr(drawing, "MOST_CELLS", 11_500)
    # A number, three colours and 100 names with three more of each, six of a date: 116 a row.
    assert most_rows(shape, dataset.path, 300) == 11_500 // 116
    monkeypatch.setattr(drawing, "MOST_CELLS", 10**9)
    assert most_rows(shape, dataset.path, 300) > 300


def test_a_training_on_too_many_rows_draws_some_and_says_so(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    dataset, recorder = table(tmp_path, 3, rows=400), Recorder()
    monkeypatch.setattr("training.tabular.data.most_rows", lambda shape, path, rows: 60)
    params = TabularParams(algorithm="linear")
    card = TabularTrainer().fit(dataset, params, workspace(tmp_path / "work"), recorder).card
    assert card.dataset["train_rows"] == card.dataset["val_rows"] == 60
    assert card.dataset["drawn_from"] == {"train_rows": 320, "val_rows": 80, "test_rows": 0}
    assert any("drawn from 320 rows" in line for line in recorder.lines)


def test_rows_that_are_drawn_stay_in_their_part(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    dataset = table(tmp_path, 0, rows=400)
    whole = load(dataset, shape_of(dataset), 0)
    monkeypatch.setattr("training.tabular.data.most_rows", lambda shape, path, rows: 50)
    some = load(dataset, shape_of(dataset), 0)
    for name in ("train", "val"):
        part, of = getattr(some, name), getattr(whole, name)
        assert len(part) == 50
        assert set(part.targets) <= set(of.targets)
        places = [int(np.flatnonzero(of.targets == target)[0]) for target in part.targets]
        for key, stack in part.inputs.items():
            assert np.array_equal(stack.astype(str), of.inputs[key][places].astype(str))


def test_of_many_rows_some_are_raced_on(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr(validation, "MOST_RACED_ROWS", 90)
    dataset = table(tmp_path, 3, rows=400)
    shape, train = shape_of(dataset), load(dataset, shape_of(dataset), 0).train
    race = Race(shape, train, 3, 0, 60.0)
    linear, forest = (Candidate(ALGORITHMS[name], ALGORITHMS[name].Params()) for name in ("linear", "forest"))
    # 20 s for three folds of 60 rows are 36 s for 320; 50 s would be 89.
    quick = Validated(linear, {"accuracy": 0.7}, {"accuracy": 0.0}, 20.0, 3)
    slow = Validated(forest, {"accuracy": 0.9}, {"accuracy": 0.0}, 50.0, 3)
    race.done = [slow, quick]
    assert race.ranked() == [quick, slow]
    everything = Race(shape, train.take(np.arange(80)), 3, 0, 60.0)
    everything.done = [quick, slow]
    assert everything.ranked() == [slow, quick]


def test_a_race_ends_when_nothing_is_left_to_be_gained(tmp_path: Path):
    rows = np.arange(60)
    frame: dict[str, list[str | None]] = {
        "size": [str(row % 2 * 100 + row / 60) for row in rows],
        "target": [f"class {row % 2}" for row in rows],
    }
    columns = (Column("size", NUMBER), Column("target", CATEGORY))
    dataset = written(tmp_path, frame, (rows % 5 == 0).astype(np.uint8), columns, ("class 0", "class 1"))
    shape = shape_of(dataset)
    race = Race(shape, load(dataset, shape, 0).train, 3, 0, 60.0)
    (only,) = race.run(lambda one, share: None, lambda: False)
    assert only.means["accuracy"] == 1.0
