"""A training as a whole: what it leaves, what it refuses, and that nothing of what is held back gets into it."""

from __future__ import annotations

import io
import json
from dataclasses import replace
from pathlib import Path

import numpy as np
import polars as pl
import pytest
from PIL import Image

from datasets.series.schema import SeriesDataset
from inference.anomaly.judging import Judge
from inference.check import check_model
from inference.sessions import open_session
from tests.training.anomaly.series import SENSORS, readings, series, train
from tests.training.anomaly.stretches import stretch
from tests.training.recorder import Recorder
from training.anomaly.catalogue import describe
from training.anomaly.detectors.registry import AUTO, DETECTORS
from training.anomaly.scaling import Scaling
from training.anomaly.trainer import AnomalyParams
from training.anomaly.wild import tamed
from training.protocol import TrainedModel, TrainingFailed

POINTS = {"f1", "precision", "recall", "false_alarm_rate", "missing_alarm_rate", "roc_auc"}
RANGES = {"range_precision", "range_recall", "range_f1", "events", "events_detected", "detection_delay_rows"}


@pytest.fixture(scope="module")
def labelled(tmp_path_factory: pytest.TempPathFactory) -> tuple[TrainedModel, Recorder]:
    folder = tmp_path_factory.mktemp("labelled")
    return train(series(folder, fault=(220, 260), labelled=True), folder)


def test_auto_hears_the_best_and_keeps_a_leaderboard(labelled: tuple[TrainedModel, Recorder]):
    model, recorder = labelled
    about = model.card.series or {}
    board = about["leaderboard"]
    assert len(board) >= 3
    assert [row["worth"] for row in board] == sorted((row["worth"] for row in board), reverse=True)
    assert [row["detector"] for row in board if row["chosen"]] == about["detectors"]
    assert model.card.architecture == "+".join(about["detectors"])
    assert recorder.epochs == sorted(recorder.epochs)
    assert recorder.metrics[-1]["score"] == model.card.metrics["score"]


def test_labelled_rows_are_scored_by_rows_ranges_and_events(labelled: tuple[TrainedModel, Recorder]):
    card = labelled[0].card
    assert set(card.metrics) >= (POINTS | RANGES)
    assert card.metrics["score"] == card.metrics["f1"] > 0.6
    assert card.metrics["events"] == 2
    assert card.test_metrics is not None
    assert set(card.test_metrics) >= (POINTS | RANGES)
    assert card.metrics_on == "validation rows"


def test_the_card_says_how_scores_are_read(labelled: tuple[TrainedModel, Recorder]):
    card = labelled[0].card
    about = card.series or {}
    assert about["sensors"] == list(SENSORS)
    assert (about["time"], about["series"], about["label"]) == ("at", "machine", "label")
    assert about["looks_ahead_rows"] == 0
    assert about["interval_seconds"] == 1
    assert {"window", "threshold", "smoothing", "release", "ceiling", "drift_rows", "carry_rows", "gap_seconds"} <= set(
        about
    )
    assert card.export_difference < 1e-7
    assert card.params["false_alarm_rate"] == 0.02
    json.dumps(card.model_dump(), allow_nan=False)


def test_there_is_something_to_look_at(labelled: tuple[TrainedModel, Recorder]):
    files = {path.name: path for path in labelled[0].artifacts}
    for name in ("series", "contributions", "score"):
        assert Image.open(io.BytesIO(files[f"{name}.png"].read_bytes())).format == "PNG"
        drawn = json.loads(files[f"{name}.plotly.json"].read_text())
        assert set(drawn) == {"data", "layout"}
        assert drawn["data"]
    assert set(json.loads(files["figures.json"].read_text())["contributions"]) == set(SENSORS)
    assert json.loads(files["leaderboard.json"].read_text())


def test_the_file_is_one_that_may_be_served(labelled: tuple[TrainedModel, Recorder]):
    model = labelled[0]
    check_model(model.onnx_path.read_bytes())
    judge = Judge(open_session(model.onnx_path, threads=1), model.card)
    rows = [dict(zip(SENSORS, row, strict=True)) for row in readings(100, (60, 100), 7).tolist()]
    alarms = [row.anomaly for row in judge.judge(judge.begin(), rows)[0]]
    assert sum(alarms[65:]) > 30


def test_without_labels_the_rate_of_false_alarms_is_told_with_an_interval(tmp_path: Path):
    model, _ = train(series(tmp_path, labelled=False), tmp_path, detector="pca", window=8)
    metrics = model.card.metrics
    low, high = metrics["false_alarms"]["interval_95"]
    assert low <= metrics["false_alarms"]["rate"] == metrics["false_alarm_rate"] <= high
    assert metrics["score"] == pytest.approx(1 - metrics["false_alarm_rate"])
    assert not POINTS & set(metrics) - {"false_alarm_rate"}
    assert model.card.test_metrics is None


def test_what_is_held_back_neither_scales_nor_fits(tmp_path: Path):
    dataset = series(tmp_path / "a", machines=1)
    rows = pl.read_parquet(dataset.path)
    test = np.arange(len(rows)) >= 240
    cells = [cell if not late else "1e6" for cell, late in zip(rows["pressure"].to_list(), test, strict=True)]
    parts = np.where(test, 2, pl.read_parquet(dataset.parts)["part"].to_numpy()).astype(np.uint8)
    spoiled = replace(dataset, path=tmp_path / "spoiled.parquet", parts=tmp_path / "spoiled-parts.parquet")
    rows.with_columns(pl.Series("pressure", cells)).write_parquet(spoiled.path)
    pl.DataFrame({"part": parts}).write_parquet(spoiled.parts)
    pl.DataFrame({"part": parts}).write_parquet(dataset.parts)
    files = [train(one, tmp_path / name, detector="control_chart")[0] for one, name in ((dataset, "x"), (spoiled, "y"))]
    assert files[0].onnx_path.read_bytes() == files[1].onnx_path.read_bytes()
    assert (files[0].card.series or {})["threshold"] == (files[1].card.series or {})["threshold"]


def test_labelled_anomalies_among_the_training_rows_are_left_out(tmp_path: Path):
    dataset = series(tmp_path, fault=(60, 120), labelled=True)
    thresholds = [
        (train(one, tmp_path / name, detector="control_chart", window=4)[0].card.series or {})["threshold"]
        for one, name in ((dataset, "known"), (_unlabelled(dataset), "unknown"))
    ]
    assert thresholds[0] != thresholds[1]


def test_mixed_data_are_learned_from_without_labels(tmp_path: Path):
    dataset = _unlabelled(series(tmp_path, rows=400, fault=(60, 80), labelled=True))
    model, _ = train(dataset, tmp_path, detector="pca", window=4, train_on="mixed")
    judge = Judge(open_session(model.onnx_path, threads=1), model.card)
    rows = [dict(zip(SENSORS, row, strict=True)) for row in readings(200, (150, 200), 8).tolist()]
    alarms = [row.anomaly for row in judge.judge(judge.begin(), rows)[0]]
    assert sum(alarms[155:]) > 35
    assert sum(alarms[:150]) < 40


def test_an_autoencoder_tells_every_epoch_and_draws_its_curves(tmp_path: Path):
    model, recorder = train(series(tmp_path, machines=1), tmp_path, detector="autoencoder", epochs=3)
    assert recorder.epochs[-1] == 3
    assert len(recorder.metrics) == 3
    assert all("train_loss" in row for row in recorder.metrics)
    assert any("for the threshold" in line for line in recorder.lines)
    assert {"curves.png", "curves.plotly.json"} <= {path.name for path in model.artifacts}


def test_too_few_rows_are_told_with_what_to_do(tmp_path: Path):
    with pytest.raises(TrainingFailed, match="choose a smaller `window`"):
        train(series(tmp_path, rows=30), tmp_path, window=64)


def test_rows_that_are_labelled_as_anomalies_all_over_are_told_from_too_few(tmp_path: Path):
    dataset = series(tmp_path, fault=(10, 290), labelled=True)
    with pytest.raises(TrainingFailed, match=r"the others hold rows that are labelled as anomalies; .*`train_on`"):
        train(dataset, tmp_path)


@pytest.mark.parametrize("rows", [[100], [100, 101]])
def test_a_wild_reading_among_the_training_rows_hides_no_fault(rows: list[int], tmp_path: Path):
    dataset = series(tmp_path, rows=500, machines=1, fault=(350, 420), labelled=True, gaps=False)
    frame = pl.read_parquet(dataset.path)
    heat = [cell if row not in rows else "1e9" for row, cell in enumerate(frame["heat"].to_list())]
    frame.with_columns(pl.Series("heat", heat)).write_parquet(dataset.path)
    model, recorder = train(dataset, tmp_path)
    assert model.card.metrics["recall"] > 0.8
    assert any(f"{len(rows)} row" in line and "not learned from" in line for line in recorder.lines)


def test_what_lasts_or_comes_again_and_again_is_learned_from():
    def marked(values: np.ndarray) -> int:
        whole = stretch(values)
        return tamed([whole], Scaling.fit(values), 8)[1]

    values = readings(300)
    assert marked(values) == 0
    values[100:103, 2] = 1e9
    assert marked(values) == 0
    values[101:103, 2] = 70
    assert marked(values) == 1
    values[::20, 2] = 1e9
    assert marked(values) == 0


@pytest.mark.parametrize("detector", DETECTORS)
def test_of_a_machine_that_stood_still_it_is_told_when_it_moves(detector: str, tmp_path: Path):
    dataset = series(tmp_path, machines=1, gaps=False)
    still = [pl.lit(cell).alias(name) for name, cell in zip(SENSORS, ("3.3", "0", "-7", "7.0"), strict=True)]
    pl.read_parquet(dataset.path).with_columns(still).write_parquet(dataset.path)
    model, _ = train(dataset, tmp_path, detector=detector, window=8, epochs=1)
    judge = Judge(open_session(model.onnx_path, threads=1), model.card)
    values = np.tile([3.3, 0.0, -7.0, 7.0], (120, 1))
    values[60:, 0] = 9.0
    rows = [dict(zip(SENSORS, row, strict=True)) for row in values.tolist()]
    alarms = [row.anomaly for row in judge.judge(judge.begin(), rows)[0]]
    assert not any(alarms[:60])
    if detector != "isolation_forest":  # its questions know of no value that was never there
        assert all(alarms[70:])


@pytest.mark.parametrize(
    ("given", "message"),
    [
        ({"detector": "magic"}, "detector must be one of auto, control_chart"),
        ({"parameters": {"trees": 5}}, "leave them out, or say which detector"),
        ({"detector": "mset", "parameters": {"memory": 3}}, "mset knows memory, ridge"),
        ({"detector": "autoencoder", "window": 2}, "at least 4 rows, got 2"),
        ({"false_alarm_rate": 0.5}, "less than or equal to 0.2"),
        ({"smoothing": 0}, "greater than 0"),
    ],
)
def test_parameters_that_make_no_sense_are_refused(given: dict, message: str):
    with pytest.raises(ValueError, match=message):
        AnomalyParams(**given)


def test_the_catalogue_names_every_detector_with_its_parameters():
    found = {one["name"]: one for one in describe()}
    assert list(found) == [AUTO, *DETECTORS]
    [memory] = [one for one in found["mset"]["parameters"] if one["name"] == "memory"]
    assert (memory["type"], memory["default"], memory["minimum"], memory["maximum"]) == ("integer", 100, 10, 1000)
    assert all(one["title"] and one["description"] for one in found.values())


def _unlabelled(dataset: SeriesDataset) -> SeriesDataset:
    return replace(dataset, schema=replace(dataset.schema, label=None, ignored=frozenset({"label"})))
