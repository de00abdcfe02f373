"""An autoencoder that was broken off goes on where its checkpoint is, and one that is stopped early says so."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest
import torch

from datasets.series.schema import SeriesDataset
from tests.training.anomaly.series import series, workspace
from tests.training.recorder import Breaking, Recorder
from training.anomaly.trainer import AnomalyParams, AnomalyTrainer
from training.protocol import TrainedModel

pytestmark = pytest.mark.usefixtures("one_thread")

EPOCHS = 4
PLAIN = AnomalyParams(detector="autoencoder", epochs=EPOCHS, window=8)
MIXED = AnomalyParams(detector="autoencoder", epochs=EPOCHS, window=8, train_on="mixed")


class Asking(Recorder):
    """Wants the training to end early once so many epochs were told."""

    def __init__(self, after: int):
        super().__init__()
        self._after = after

    def stopping(self) -> bool:
        return bool(self.epochs) and max(self.epochs) >= self._after


@pytest.fixture(scope="module")
def dataset(tmp_path_factory: pytest.TempPathFactory) -> SeriesDataset:
    return series(tmp_path_factory.mktemp("rows"), rows=150)


def trained(dataset: SeriesDataset, params: AnomalyParams, folder: Path, report: Recorder, **more) -> TrainedModel:
    return AnomalyTrainer().fit(dataset, params, replace(workspace(folder), **more), report)


def about(model: TrainedModel) -> dict:
    """What the card says of scores; how many seconds a fit took is another matter."""
    return {name: value for name, value in (model.card.series or {}).items() if name != "leaderboard"}


def interrupted(dataset: SeriesDataset, params: AnomalyParams, folder: Path, after: int) -> tuple[Path, int]:
    report = Breaking(after)
    with pytest.raises(Breaking.Off):
        trained(dataset, params, folder, report, checkpoint_seconds=0)
    assert len({path for path, _ in report.checkpoints}) == after
    return report.checkpoints[-1]


# Of four epochs three are told before all is done; then come two fits of four epochs that have not seen a part.
@pytest.mark.parametrize("params", [PLAIN, MIXED], ids=["normal", "mixed"])
@pytest.mark.parametrize(("after", "told"), [(2, 2), (4, 3), (7, 3), (9, 3)])
def test_a_resumed_training_ends_with_the_model_of_an_uninterrupted_one(
    params: AnomalyParams, after: int, told: int, dataset: SeriesDataset, tmp_path: Path
):
    known, report = Recorder(), Recorder()
    whole = trained(dataset, params, tmp_path / "whole", known)
    checkpoint, epoch = interrupted(dataset, params, tmp_path / "first", after)
    assert epoch == told
    resumed = trained(dataset, params, tmp_path / "second", report, checkpoint=checkpoint)
    assert report.resumed_from == told
    assert report.metrics == known.metrics[told:]
    assert resumed.onnx_path.read_bytes() == whole.onnx_path.read_bytes()
    assert about(resumed) == about(whole)
    assert resumed.card.metrics == whole.card.metrics
    curves = [next(path for path in model.artifacts if path.name == "curves.plotly.json") for model in (resumed, whole)]
    assert curves[0].read_bytes() == curves[1].read_bytes()


@pytest.mark.parametrize("damage", ["cut short", "a pickle that runs code", "another length", "another network"])
def test_a_checkpoint_that_cannot_be_used_means_a_start_from_the_beginning(
    damage: str, dataset: SeriesDataset, tmp_path: Path
):
    checkpoint, _ = interrupted(dataset, PLAIN, tmp_path / "first", 1)
    kept = torch.load(checkpoint, weights_only=True)
    if damage == "cut short":
        checkpoint.write_bytes(checkpoint.read_bytes()[:1000])
    elif damage == "a pickle that runs code":
        torch.save({"of_epochs": Path("anything but plain values")}, checkpoint)
    elif damage == "another length":
        torch.save({**kept, "of_epochs": 9}, checkpoint)
    else:
        torch.save({**kept, "fits": [{**kept["fits"][0], "network": {}}]}, checkpoint)
    report = Recorder()
    trained(dataset, PLAIN, tmp_path / "second", report, checkpoint=checkpoint)
    assert (report.resumed_from, len(report.metrics)) == (None, EPOCHS)
    assert any("cannot be used, training starts over" in line for line in report.lines)


def test_a_training_that_is_stopped_says_after_which_epoch_and_has_a_threshold_of_fits_as_long(
    dataset: SeriesDataset, tmp_path: Path
):
    report = Asking(2)
    stopped = trained(dataset, PLAIN.model_copy(update={"epochs": 50}), tmp_path / "stopped", report)
    assert stopped.card.stopped_early == {"after_epoch": 3, "of_epochs": 50}
    assert report.epochs[-1] == 3
    assert len(report.metrics) == 3
    short = trained(dataset, PLAIN.model_copy(update={"epochs": 3}), tmp_path / "short", Recorder())
    assert short.card.stopped_early is None
    assert stopped.onnx_path.read_bytes() == short.onnx_path.read_bytes()
    assert about(stopped) == about(short)


def test_a_stopped_training_that_has_no_time_for_more_is_judged_by_the_one_fit(dataset: SeriesDataset, tmp_path: Path):
    params = PLAIN.model_copy(update={"epochs": 50})
    stopped = trained(dataset, params, tmp_path, Asking(2), stop_seconds=0)
    assert (stopped.card.series or {})["threshold"] == pytest.approx(1, abs=0.5)
    assert stopped.card.metrics["rows"] > 0
