"""A classifier that was broken off goes on where its checkpoint is."""

from __future__ import annotations

from pathlib import Path

import pytest
import torch

from datasets.snapshot import Dataset
from tests.training.classification.test_classification import shapes
from tests.training.recorder import Breaking, Recorder
from training.classification.trainer import ClassificationParams, ClassificationTrainer
from training.protocol import TrainedModel, Workspace

pytestmark = pytest.mark.usefixtures("one_thread")

FOUR_EPOCHS = ClassificationParams(epochs=4, image_size=32, batch=4)


@pytest.fixture(scope="module")
def dataset(tmp_path_factory) -> Dataset:
    return shapes(tmp_path_factory.mktemp("shapes"), a_class=15)


def interrupted(dataset: Dataset, folder: Path, after: int) -> Path:
    """The checkpoint that a training of four epochs has left when it is broken off."""
    report = Breaking(after)
    with pytest.raises(Breaking.Off):
        ClassificationTrainer().fit(dataset, FOUR_EPOCHS, workspace(folder, checkpoint_seconds=0), report)
    assert [epoch for _, epoch in report.checkpoints] == list(range(1, after + 1))
    return report.checkpoints[-1][0]


def workspace(folder: Path, **options) -> Workspace:
    folder.mkdir()
    return Workspace(folder, folder / "none", False, "", **options)


class BreakingWithin(Breaking):
    """Ends it in the epoch after that at the latest: no checkpoint may be due by then."""

    def progress(self, epoch: float, epochs: int, metrics: dict[str, float] | None = None) -> None:
        super().progress(epoch, epochs, metrics)
        if epoch > self._after:
            raise self.Off


@pytest.fixture(scope="module")
def whole(dataset, tmp_path_factory) -> tuple[TrainedModel, Recorder]:
    report = Recorder()
    place = workspace(tmp_path_factory.mktemp("whole") / "work")
    return ClassificationTrainer().fit(dataset, FOUR_EPOCHS, place, report), report


@pytest.mark.parametrize("after", [2, 4])
def test_a_resumed_training_ends_with_the_model_of_an_uninterrupted_one(dataset, whole, tmp_path, after):
    (uninterrupted, told), report = whole, Recorder()
    checkpoint = interrupted(dataset, tmp_path / "first", after)
    place = workspace(tmp_path / "second", checkpoint=checkpoint)
    resumed = ClassificationTrainer().fit(dataset, FOUR_EPOCHS, place, report)
    assert report.resumed_from == after
    assert len(report.metrics) == 4 - after
    assert [row["train_loss"] for row in report.metrics] == pytest.approx(
        [row["train_loss"] for row in told.metrics[after:]], rel=1e-4
    )
    assert resumed.card.metrics["accuracy"] == pytest.approx(uninterrupted.card.metrics["accuracy"], abs=0.01)
    assert resumed.card.metrics["best_epoch"] == uninterrupted.card.metrics["best_epoch"]


@pytest.mark.parametrize("damage", ["cut short", "a pickle that runs code", "another length"])
def test_a_checkpoint_that_cannot_be_used_means_a_start_from_the_beginning(dataset, tmp_path, damage):
    checkpoint = interrupted(dataset, tmp_path / "first", 1)
    if damage == "cut short":
        checkpoint.write_bytes(checkpoint.read_bytes()[:1000])
    elif damage == "another length":
        torch.save({**torch.load(checkpoint, weights_only=True), "epochs": 6}, checkpoint)
    else:
        torch.save({"epochs": Path("anything but plain values")}, checkpoint)
    report, place = BreakingWithin(1), workspace(tmp_path / "second", checkpoint=checkpoint)
    with pytest.raises(Breaking.Off):
        ClassificationTrainer().fit(dataset, FOUR_EPOCHS, place, report)
    assert (report.resumed_from, report.epochs[0], len(report.metrics)) == (None, 0, 1)
    assert any("cannot be used, training starts over" in line for line in report.lines)
