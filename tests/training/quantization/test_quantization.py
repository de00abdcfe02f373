"""A real small classifier made smaller: what is left of it. Of a detector see tests/inference/test_detection.py."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from datasets.images import decode
from datasets.snapshot import Dataset
from inference.check import Damaged
from tests.training.classification.test_classification import fit, shapes
from tests.training.quantization.making import assert_smaller_and_fit_to_serve, predictor, quantized
from training.protocol import TrainedModel, TrainingFailed

pytestmark = pytest.mark.usefixtures("one_thread")


@pytest.fixture(scope="module")
def dataset(tmp_path_factory: pytest.TempPathFactory) -> Dataset:
    return shapes(tmp_path_factory.mktemp("shapes"), a_class=30)


@pytest.fixture(scope="module")
def trained(dataset: Dataset, tmp_path_factory: pytest.TempPathFactory, one_thread: None) -> TrainedModel:
    return fit(dataset, tmp_path_factory.mktemp("training"), epochs=4)[0]


def images(dataset: Dataset) -> list[np.ndarray]:
    return [decode(sample.path.read_bytes(), 10**6) for sample in dataset.val]


def test_a_classifier_in_int8_is_as_right_as_its_card_says(dataset: Dataset, trained: TrainedModel, tmp_path: Path):
    model, report = quantized(dataset, trained, tmp_path / "int8")
    assert_smaller_and_fit_to_serve(trained, model)
    now, before = predictor(model), predictor(trained)
    found = [now.predict(image) for image in images(dataset)]
    true = [dataset.classes[sample.annotations[0].class_index] for sample in dataset.val]
    right = sum(first.class_name == name for (first, *_), name in zip(found, true, strict=True))
    assert model.card.metrics["accuracy"] == right / len(true)
    assert model.card.metrics["accuracy"] > 0.8
    for image, (first, *_) in zip(images(dataset), found, strict=True):
        confidences = {item.class_name: item.confidence for item in before.predict(image)}
        assert first.confidence == pytest.approx(confidences[first.class_name], abs=0.15)
    assert report.epochs == sorted(report.epochs)
    assert report.epochs[-1] == 1
    assert report.metrics[0]["difference_points"] == model.card.quantization["difference_points"]


def test_more_than_the_allowed_loss_is_refused_with_both_figures_unless_forced(
    dataset: Dataset, trained: TrainedModel, tmp_path: Path
):
    # Nothing gains 50 points, so this is too much for any model.
    with pytest.raises(TrainingFailed) as failure:
        quantized(dataset, trained, tmp_path / "refused", most_points_lost=-50)
    model, report = quantized(dataset, trained, tmp_path / "forced", force=True, most_points_lost=-50)
    facts = model.card.quantization
    assert facts is not None
    figures = f"accuracy {facts['int8']:.2%} in int8, {facts['float32']:.2%} in float32"
    assert f"int8 costs too much: {figures}" in str(failure.value)
    assert "ask again with force" in str(failure.value)
    assert any(figures in line for line in report.lines)


def test_the_same_model_and_images_give_the_same_file(dataset: Dataset, trained: TrainedModel, tmp_path: Path):
    once, again = (quantized(dataset, trained, tmp_path / name)[0].onnx_path.read_bytes() for name in ("once", "again"))
    assert once == again


def test_what_is_no_plain_model_is_not_even_opened(dataset: Dataset, trained: TrainedModel, tmp_path: Path):
    other = tmp_path / "other.onnx"
    other.write_bytes(b"no model")
    with pytest.raises(Damaged):
        quantized(dataset, replace(trained, onnx_path=other), tmp_path / "int8")
