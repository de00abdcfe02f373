"""A training that is asked to stop ends within the epoch, with the best of those before."""

from __future__ import annotations

import math
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest

from datasets.images import decode
from datasets.snapshot import Dataset
from inference.classification import ClassificationPredictor
from inference.detection import DetectionPredictor
from inference.sessions import open_session
from tests.inference.test_detection import squares
from tests.training.classification.test_classification import shapes
from tests.training.recorder import Recorder
from training.classification.trainer import ClassificationParams, ClassificationTrainer
from training.detection.trainer import DetectionParams, DetectionTrainer
from training.protocol import Trainer, Workspace
from training.stopping import StoppedEarly, Stopping

pytestmark = [
    pytest.mark.usefixtures("one_thread"),
    pytest.mark.filterwarnings("ignore::DeprecationWarning:torch"),
    pytest.mark.filterwarnings("ignore:You are using the legacy TorchScript-based ONNX export"),
    pytest.mark.filterwarnings("ignore::torch.jit.TracerWarning"),
]
TRAINERS: dict[str, Trainer] = {"classification": ClassificationTrainer(), "detection": DetectionTrainer()}
PARAMS = {
    "classification": ClassificationParams(epochs=50, image_size=32, batch=4),
    "detection": DetectionParams(epochs=50, image_size=32),
}
PREDICTORS: dict[str, Callable] = {"classification": ClassificationPredictor, "detection": DetectionPredictor}


class Impatient(Recorder):
    """A report of somebody who wants the training to stop once it has told of so many epochs."""

    def __init__(self, stop_at: float = 0.0):
        super().__init__()
        self._stop_at = stop_at

    def stopping(self) -> bool:
        return bool(self.epochs) and self.epochs[-1] >= self._stop_at


def data(kind: str, folder: Path) -> Dataset:
    return shapes(folder, a_class=12) if kind == "classification" else squares(folder, 16, 12)


def workspace(folder: Path, checkpoint: Path | None = None, stop_seconds: float = 30) -> Workspace:
    folder.mkdir()
    return Workspace(folder, folder / "none", False, "yolo26n", checkpoint, 0, stop_seconds)


@pytest.mark.parametrize("kind", TRAINERS)
def test_it_keeps_the_best_of_the_finished_epochs_and_a_resumed_one_does_so_at_once(kind, tmp_path):
    dataset, report, again = data(kind, tmp_path), Impatient(stop_at=2.01), Impatient()
    model = TRAINERS[kind].fit(dataset, PARAMS[kind], workspace(tmp_path / "first"), report)
    assert model.card.stopped_early == {"after_epoch": 2, "of_epochs": 50}
    assert (len(report.metrics), model.card.metrics_on) == (2, "validation images")
    assert any("stopped after epoch 2 of 50" in line for line in report.lines)
    checkpoint, epoch = report.checkpoints[-1]
    assert epoch == 2
    again.epochs.append(0.0)
    in_a_hurry = workspace(tmp_path / "second", checkpoint, stop_seconds=0)
    resumed = TRAINERS[kind].fit(dataset, PARAMS[kind], in_a_hurry, again)
    assert (again.resumed_from, again.metrics) == (2, [])
    assert resumed.card.stopped_early == model.card.stopped_early
    # There was time for no more than one, and the card says so.
    assert resumed.card.metrics_on == "1 of 12 validation images"
    per_class = resumed.card.metrics.get("classes") or resumed.card.metrics["per_class"]
    assert sum(row["images"] for row in per_class.values()) == 1
    predictor = PREDICTORS[kind](open_session(resumed.onnx_path), resumed.card)
    assert predictor.predict(decode(dataset.val[0].path.read_bytes(), 10**6)) is not None


def test_before_the_first_epoch_there_is_nothing_to_keep_and_asking_twice_is_asking_once():
    report = Impatient()
    stopping = Stopping(report, epochs=3, seconds=30)
    report.epochs.append(0)
    stopping.look(0)
    with pytest.raises(StoppedEarly):
        stopping.look(1)
    stopping.look(1)
    assert stopping.for_card() == {"after_epoch": 1, "of_epochs": 3}


def test_the_part_to_score_on_is_as_large_as_time_allows_and_the_same_for_the_same_seed():
    report = Impatient()
    stopping = Stopping(report, epochs=3, seconds=30)
    assert len(stopping.part(1000, lambda: math.inf, 0)) == 1000
    report.epochs.append(1)
    assert len(stopping.part(1000, lambda: 0.001, 0)) == 1000
    some = stopping.part(1000, lambda: 0.1, 0)
    assert 50 <= len(some) <= 100
    assert np.array_equal(some[:50], np.unique(some)[:50])
    assert set(stopping.part(1000, lambda: 0.1, 0)) == set(some)
    assert len(stopping.part(1000, lambda: math.inf, 0)) == 1
