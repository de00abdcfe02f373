"""A training as a whole: what it leaves, what it refuses, and that nothing of the validation rows gets into it."""

from __future__ import annotations

import dataclasses
import json
from pathlib import Path

import numpy as np
import polars as pl
import pytest
from PIL import Image

from datasets.tables.schema import Column, TableDataset
from inference.check import check_model
from inference.protocol import NO_OPTIONS, Bounds
from inference.sessions import open_session
from inference.tabular.predictor import TabularPredictor
from tests.training.recorder import Recorder
from tests.training.tabular.tables import CATEGORY, NUMBER, table, workspace, written
from training.protocol import TrainedModel, TrainingFailed
from training.tabular.run import compare
from training.tabular.trainer import TabularParams, TabularTrainer

CLASS_METRICS = {"accuracy", "balanced_accuracy", "f1_macro", "roc_auc", "log_loss"}
VALUE_METRICS = {"r2", "mae", "rmse"}


def train(dataset: TableDataset, folder: Path, **given: object) -> tuple[TrainedModel, Recorder]:
    recorder = Recorder()
    return TabularTrainer().fit(dataset, TabularParams(**given), workspace(folder / "work"), recorder), recorder


@pytest.fixture(scope="module")
def auto(tmp_path_factory: pytest.TempPathFactory) -> tuple[TrainedModel, Recorder]:
    folder = tmp_path_factory.mktemp("auto")
    return train(table(folder, 3), folder, time_budget_seconds=5)


def test_auto_tries_several_and_keeps_a_leaderboard_and_the_best(auto: tuple[TrainedModel, Recorder]):
    model, recorder = auto
    board = (model.card.table or {})["leaderboard"]
    assert len({row["algorithm"] for row in board}) >= 2
    assert board[0]["algorithm"] == model.card.architecture == model.card.params["chosen"]["algorithm"]
    assert {"mean", "deviation", "seconds", "folds", "parameters", "failed"} <= set(board[0])
    best = max(row["mean"].get("accuracy", 0) for row in board)
    assert board[0]["mean"]["accuracy"] == pytest.approx(best, abs=1e-3)
    kept = next(path for path in model.artifacts if path.name == "leaderboard.json")
    assert json.loads(kept.read_text()) == board
    assert any("±" in line for line in recorder.lines)
    assert recorder.epochs == sorted(recorder.epochs)


class Hasty(Recorder):
    """Asks for an early end as soon as there is something to keep."""

    def stopping(self) -> bool:
        return self.is_keepable


def test_auto_that_is_asked_to_stop_ends_with_the_best_of_what_it_has_compared(tmp_path: Path):
    data, hasty = table(tmp_path, 3), Hasty()
    params = TabularParams(time_budget_seconds=3_600)
    model = TabularTrainer().fit(data, params, workspace(tmp_path / "work"), hasty)
    assert [row["algorithm"] for row in (model.card.table or {})["leaderboard"]] == ["linear"]
    assert "Stopped early: 1 candidate compared." in hasty.lines


def test_auto_that_could_not_end_in_time_has_nothing_to_keep_yet(tmp_path: Path):
    data, recorder = table(tmp_path, 2), Recorder()
    short = dataclasses.replace(workspace(tmp_path / "work"), stop_seconds=0.0)
    TabularTrainer().fit(data, TabularParams(time_budget_seconds=5), short, recorder)
    assert not recorder.is_keepable


def test_a_classification_is_told_with_intervals_pictures_and_numbers(auto: tuple[TrainedModel, Recorder]):
    model, _ = auto
    metrics = model.card.metrics
    assert metrics["score"] == metrics["accuracy"]
    for name in CLASS_METRICS:
        low, high = metrics["intervals_95"][name]
        assert low <= metrics[name] <= high
    assert sum(map(sum, metrics["confusion"])) == model.card.dataset["val_rows"]
    assert {row["column"] for row in metrics["importance"]} == {"height", "steps", "colour", "born", "always", "empty"}
    assert {row["column"] for row in metrics["importance"][:2]} == {"height", "steps"}
    # Fewer than 50 rows were held back.
    assert set(metrics["cross_validated"]["mean"]) >= CLASS_METRICS
    pictures = {path.name for path in model.artifacts if path.suffix == ".png"}
    assert pictures == {"confusion.png", "roc.png", "calibration.png", "importance.png"}
    for path in model.artifacts:
        if path.suffix == ".png":
            Image.open(path).verify()
    assert model.weights_path is None
    json.dumps(model.card.model_dump(mode="json"), allow_nan=False)


def test_a_regression_is_told_with_intervals_and_residuals(tmp_path: Path):
    model, _ = train(table(tmp_path, 0), tmp_path, algorithm="linear")
    metrics = model.card.metrics
    assert metrics["score"] == metrics["r2"] > 0.5
    assert set(metrics["intervals_95"]) >= VALUE_METRICS
    assert {path.name for path in model.artifacts} >= {"residuals.png", "importance.png", "figures.json"}
    assert model.card.export_difference < 1e-9


def test_the_metrics_are_of_the_file_that_is_served(auto: tuple[TrainedModel, Recorder]):
    model, _ = auto
    check_model(model.onnx_path.read_bytes())
    about = json.loads(open_session(model.onnx_path).get_modelmeta().custom_metadata_map["diyml_table"])
    assert about["classes"] == model.card.classes == ["class 0", "class 1", "class 2"]
    assert about["inputs"] == {
        "numbers": ["height", "steps", "always", "empty"],
        "categories": ["colour"],
        "dates": ["born"],
    }


def test_nothing_of_the_validation_rows_gets_into_the_model(tmp_path: Path):
    dataset = table(tmp_path / "one", 2)
    frame, parts = pl.read_parquet(dataset.path), pl.read_parquet(dataset.parts)["part"]
    held = pl.Series(parts == 1)
    # Whatever they hold: the file must not change by a byte.
    changed = frame.with_columns(
        pl.when(held).then(pl.lit("1000")).otherwise(pl.col("height")).alias("height"),
        pl.when(held).then(pl.lit("violet")).otherwise(pl.col("colour")).alias("colour"),
        pl.when(held).then(pl.lit("class 0")).otherwise(pl.col("target")).alias("target"),
    )
    first, _ = train(dataset, tmp_path / "one", algorithm="boosting", parameters={"trees": 5})
    other = written(
        tmp_path / "two", {name: changed[name].to_list() for name in changed.columns}, parts.to_numpy(),
        dataset.schema.columns, dataset.classes,
    )  # fmt: skip
    second, _ = train(other, tmp_path / "two", algorithm="boosting", parameters={"trees": 5})
    assert first.card.onnx_sha256 == second.card.onnx_sha256
    assert (first.card.table or {})["background"] == (second.card.table or {})["background"]


def test_groups_stay_together_in_the_cross_validation(tmp_path: Path):
    random = np.random.default_rng(0)
    groups = np.repeat(np.arange(20), 6)
    # A group's rows are alike, and its neighbours are of the other class: only who has seen the group knows its class.
    classes = groups % 2
    frame: dict[str, list[str | None]] = {
        "x": [repr(float(g + 0.01 * e)) for g, e in zip(groups, random.normal(size=120), strict=True)],
        "who": [f"g{g}" for g in groups],
        "target": [f"c{k}" for k in classes],
    }
    columns = (Column("x", NUMBER), Column("who", CATEGORY), Column("target", CATEGORY))
    dataset = written(tmp_path, frame, (groups % 5 == 0).astype(np.uint8), columns, ("c0", "c1"), group="who")
    model, _ = train(dataset, tmp_path, algorithm="neighbours", parameters={"neighbours": 1})
    assert model.card.metrics["cross_validated"]["mean"]["accuracy"] < 0.6
    assert [column["name"] for column in (model.card.table or {})["columns"]] == ["x"]


@pytest.mark.parametrize(
    ("given", "words"),
    [
        ({"algorithm": "magic"}, "must be one of auto, linear"),
        ({"algorithm": "forest", "parameters": {"tree": 3}}, "forest knows trees"),
        ({"algorithm": "forest", "parameters": {"trees": 0}}, "trees must be 1..1000, got 0"),
        ({"parameters": {"trees": 3}}, "chooses them by itself"),
    ],
)
def test_parameters_that_an_algorithm_does_not_know_are_refused(given: dict[str, object], words: str):
    with pytest.raises(ValueError, match=words):
        TabularParams(**given)


def test_a_table_with_nothing_to_learn_from_fails_with_words(tmp_path: Path):
    parts = np.array([0] * 8 + [1] * 4, dtype=np.uint8)
    frame: dict[str, list[str | None]] = {"x": ["1"] * 12, "target": ["a", "b"] * 6}
    columns = (Column("x", NUMBER), Column("target", CATEGORY))
    dataset = written(tmp_path, frame, parts, columns, ("a", "b"))
    with pytest.raises(TrainingFailed, match="every column is constant"):
        train(dataset, tmp_path, time_budget_seconds=5)
    only = written(tmp_path / "only", {"target": ["a", "b"] * 6}, parts, columns[1:], ("a", "b"))
    with pytest.raises(TrainingFailed, match="no column to learn from"):
        train(only, tmp_path / "only")


def test_an_export_that_does_not_agree_fails():
    native = np.array([[0.6, 0.4], [0.5, 0.5]])
    assert compare(native, native, True) == 0
    # An undecided row has no class that could differ.
    assert compare(native, native + np.array([[0, 0], [-1e-7, 1e-7]]), True) < 1e-6
    for served in (native + 1e-3, native[:, ::-1], np.full((2, 2), np.nan)):
        with pytest.raises(TrainingFailed, match="does not agree"):
            compare(native, served, True)
    values = np.array([[1.0], [100.0]])
    assert compare(values, values * (1 + 1e-7), False) < 1e-6
    with pytest.raises(TrainingFailed, match="does not agree"):
        compare(values, values * (1 + 1e-4), False)


def test_a_trained_model_predicts_with_its_card(auto: tuple[TrainedModel, Recorder]):
    model, _ = auto
    predictor = TabularPredictor(open_session(model.onnx_path), model.card)
    predictor.warm_up()
    reading = predictor.read(b'[{"height": 1, "colour": "red"}]', Bounds(0))
    answer = predictor.answer(predictor.forward(reading.inputs), reading, NO_OPTIONS, False)
    assert set(answer.predictions[0]) == {"class", "confidence", "probabilities"}
    assert len(answer.warnings) == 1
