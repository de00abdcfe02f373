"""What trainers say of themselves is so: the metrics on their cards, and what makes a training lighter."""

from __future__ import annotations

import re
import signal
from collections.abc import Callable
from pathlib import Path

import pytest
import torch

from datasets.registry import KINDS
from inference.protocol import ModelCard
from tests.inference.test_detection import Silent, squares
from tests.training.anomaly.series import series
from tests.training.anomaly.series import train as train_series
from tests.training.classification.test_classification import fit as fit_images
from tests.training.classification.test_classification import shapes
from tests.training.detection.test_detection import QUICK, workspace
from tests.training.tabular.tables import table
from tests.training.tabular.test_trainer import train as train_table
from training.detection.trainer import DetectionTrainer
from training.protocol import Need
from training.registry import TRAINERS
from training.worker.process import exit_reason


def _classifier(folder: Path) -> list[ModelCard]:
    return [fit_images(shapes(folder, 3), folder / "job", epochs=1, image_size=32)[0].card]


def _detector(folder: Path) -> list[ModelCard]:
    torch.set_num_threads(1)
    dataset = squares(folder, 4, 2)
    return [DetectionTrainer().fit(dataset, QUICK, workspace(folder / "work"), Silent()).card]


def _tables(folder: Path) -> list[ModelCard]:
    """Of classes, and of values."""
    made = {classes: folder / str(classes) for classes in (3, 0)}
    for path in made.values():
        path.mkdir()
    return [train_table(table(path, n), path, algorithm="linear")[0].card for n, path in made.items()]


def _series(folder: Path) -> list[ModelCard]:
    """With labels and without."""
    fault = {"fault": (220, 260), "labelled": True}
    return [
        train_series(series(folder / name, **given), folder / name, detector="pca", window=8)[0].card
        for name, given in {"labelled": fault, "bare": {}}.items()
    ]


# Beside the metrics of a classifier: no measure of what the model is worth, so nothing to publish it by.
NO_METRICS = {"best_epoch", "export_probability_difference"}
TRAININGS: dict[str, Callable[[Path], list[ModelCard]]] = {
    "classification": _classifier,
    "detection": _detector,
    "tabular": _tables,
    "anomaly": _series,
}

# What metrics may need, and the data of each of these trainings have.
DATA: dict[str, list[Need | None]] = {
    "classification": [None],
    "detection": [None],
    "tabular": [Need.CLASSES, Need.VALUES],
    "anomaly": [Need.LABELS, None],
}


@pytest.mark.filterwarnings("ignore::DeprecationWarning:torch")
@pytest.mark.filterwarnings("ignore:You are using the legacy TorchScript-based ONNX export")
@pytest.mark.filterwarnings("ignore::torch.jit.TracerWarning")
@pytest.mark.parametrize("project_type", TRAINERS)
def test_the_metrics_that_a_trainer_names_are_those_on_its_cards(project_type: str, tmp_path: Path):
    cards = TRAININGS[project_type](tmp_path)
    trainer = TRAINERS[project_type]
    assert len(cards) == len(DATA[project_type])
    for card, offered in zip(cards, DATA[project_type], strict=True):
        found = {name for name, value in card.metrics.items() if isinstance(value, (int, float))}
        assert found - NO_METRICS == {name for name, need in trainer.METRICS.items() if need in (None, offered)}
        assert isinstance(card.metrics[trainer.METRIC], float)


def test_every_project_type_is_advised_by_its_own_trainer():
    assert TRAINERS.keys() == KINDS.keys()
    for trainer in TRAINERS.values():
        reason = exit_reason(-signal.SIGKILL, trainer.LIGHTER)
        assert reason.endswith(f"because memory ran out: try {trainer.LIGHTER}")
        quoted = set(re.findall(r"`(\w+)`", trainer.LIGHTER))
        known = trainer.Params.model_json_schema()["properties"]
        assert quoted <= known.keys() | {"linear"}
