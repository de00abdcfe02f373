from __future__ import annotations

import hashlib
import subprocess
import sys
from dataclasses import replace
from pathlib import Path

import numpy as np
import onnx
import pytest
import torch
import torchvision
from PIL import Image
from pydantic import ValidationError
from sklearn.datasets import load_digits

from datasets.images import decode
from datasets.judgements import FILE, Judgements
from datasets.snapshot import Annotation, Dataset, Sample, Snapshot, SnapshotImage
from inference.classification import ClassificationPredictor
from inference.sessions import open_session
from tests.training.recorder import Recorder
from training import pictures
from training.classification import networks
from training.classification.fitting import Schedule
from training.classification.pixels import load
from training.classification.scoring import score
from training.classification.trainer import ClassificationParams, ClassificationTrainer
from training.protocol import TrainedModel, TrainingFailed, Workspace

pytestmark = pytest.mark.usefixtures("one_thread")

HOSTILE = ('5" nail', "\\", "yes", "null", "a: b", "{x}", "$x$", "猫 \n\x00")


def save(array: np.ndarray, path: Path, class_index: int) -> Sample:
    Image.fromarray(array).save(path)
    return Sample(path, array.shape[1], array.shape[0], (Annotation(class_index),))


def shapes(folder: Path, a_class: int, classes: tuple[str, ...] = ("bar", "pole", "spot")) -> Dataset:
    """Shapes of their own colours on noise, in images of different sizes; a third of each class is held back."""
    random = np.random.default_rng(1)
    parts: tuple[list[Sample], list[Sample]] = ([], [])
    for index in range(len(classes)):
        for number in range(a_class):
            image = random.integers(0, 80, (*random.integers(20, 60, 2), 3), dtype=np.uint8)
            height, width = image.shape[:2]
            middle = slice(height // 3, height // 2), slice(width // 3, width // 2)
            area = [(middle[0], slice(None)), (slice(None), middle[1]), middle][index % 3]
            image[area] = (30 * index, 255 - 30 * index, 120)
            parts[number % 3 == 0].append(save(image, folder / f"{index}-{number}.png", index))
    return Dataset("classification", classes, tuple(parts[0]), tuple(parts[1]), "d" * 64)


def fit(dataset: Dataset, folder: Path, weights: Path | None = None, **params) -> tuple[TrainedModel, Recorder]:
    folder.mkdir(exist_ok=True)
    report = Recorder()
    workspace = Workspace(folder, weights or folder / "none", download_weights=False, yolo_model="")
    chosen = ClassificationParams(**{"epochs": 3, "image_size": 32, "batch": 4, **params})
    return ClassificationTrainer().fit(dataset, chosen, workspace, report), report


@pytest.fixture(scope="module")
def dataset(tmp_path_factory) -> Dataset:
    made = shapes(tmp_path_factory.mktemp("shapes"), a_class=15)
    # Names and ids as the worker gives them; what is tested with is of the same kind.
    named = tuple(replace(sample, name=sample.path.stem, sha256=sample.path.stem * 9) for sample in made.val)
    return replace(made, val=tuple(v for n, v in enumerate(named) if n % 5), test=named[::5], class_ids=(4, 7, 9))


@pytest.fixture(scope="module")
def trained(dataset, tmp_path_factory) -> tuple[TrainedModel, Recorder]:
    return fit(dataset, tmp_path_factory.mktemp("job"), batch=32)


@pytest.fixture
def digits(tmp_path) -> Dataset:
    """Hand-written digits of 8 x 8 pixels and one channel (UCI, in scikit-learn)."""
    data = load_digits()
    samples = [
        save((image * 255 / 16).astype(np.uint8), tmp_path / f"{number}.png", int(label))
        for number, (image, label) in enumerate(zip(data.images[:700], data.target[:700], strict=True))
    ]
    return Dataset("classification", tuple("0123456789"), tuple(samples[:500]), tuple(samples[500:]), "d" * 64)


def snapshot(labels: list[tuple[int, ...]], classes: tuple[str, ...] = ("cat", "dog"), unknown=()) -> Snapshot:
    images = tuple(
        SnapshotImage(f"{number}.png", "0" * 64, "id", 9, 9, "PNG", tuple(Annotation(index) for index in indices))
        for number, indices in enumerate(labels)
    )
    return Snapshot("classification", classes, images, unknown)


def test_a_complete_project_lacks_nothing():
    assert ClassificationTrainer().check(snapshot([(0,), (1,)])) == []


@pytest.mark.parametrize(
    ("given", "sentences"),
    [
        (snapshot([(0,), (0,)]), ["class 'dog' has no image: add at least one"]),
        (
            snapshot([(0,)], ("a", "b", "c")),
            ["2 classes have no image: 'b', 'c': add at least one each"],
        ),
        (snapshot([(0,), (1,), ()]), ["1 image has no label: '2.png'"]),
        (
            snapshot([(0,), (1,), *[()] * 6]),
            ["6 images have no label: '2.png', '3.png', '4.png', '5.png', '6.png' and 1 more"],
        ),
        (snapshot([(0,), (1,), (0, 1)]), ["1 image has more than one class: '2.png': keep one"]),
        (snapshot([]), ["the project has no images: add at least one a class"]),
        (
            snapshot([], ()),
            ["the project has no classes: add at least two", "the project has no images: add at least one a class"],
        ),
        (snapshot([(0,)], ("cat",)), ["the project has only the class 'cat': add at least one more"]),
        (
            snapshot([(0,), (1,)], unknown=(("emu", 2),)),
            ["2 images of class 'emu', which the project no longer has: add the class again or change the labels"],
        ),
    ],
)
def test_what_is_missing_is_said_in_words(given, sentences):
    assert [found.message for found in ClassificationTrainer().check(given)] == sentences


def test_a_training_learns_what_it_is_shown(trained):
    model, report = trained
    assert model.card.metrics["accuracy"] >= 0.9
    assert set(report.metrics[0]) == {"train_loss", "val_loss", "val_accuracy"}
    assert len(report.metrics) == 3


def test_images_to_test_with_are_scored_apart(trained, dataset):
    card = trained[0].card
    assert sum(row["images"] for row in card.test_metrics["classes"].values()) == len(dataset.test)
    assert sum(row["images"] for row in card.metrics["classes"].values()) == len(dataset.val)


def test_what_was_said_of_each_validation_image_is_kept(trained, dataset):
    model, _ = trained
    [path] = [path for path in model.artifacts if path.name == FILE]
    told = Judgements.from_bytes(path.read_bytes())
    assert (told.classes, told.class_ids, told.held_back) == (dataset.classes, (4, 7, 9), True)
    assert told.judged == len(told.images) == len(dataset.val)
    samples = {sample.name: sample for sample in dataset.val}
    predictor = ClassificationPredictor(open_session(model.onnx_path), model.card)
    for image in told.images:
        sample = samples[image.name]
        assert (image.sha256, image.labels) == (sample.sha256, sample.annotations)
        best = predictor.predict(decode(sample.path.read_bytes(), 10_000))[0]
        assert told.classes[image.predictions[0].class_index] == best.class_name
        assert image.predictions[0].confidence == pytest.approx(best.confidence, abs=1e-4)
        given = {found.class_index: found.confidence for found in image.predictions}[image.labels[0].class_index]
        assert image.score == pytest.approx(1 - given, abs=1e-4)
    assert [image.score for image in told.images] == sorted((image.score for image in told.images), reverse=True)


def test_hand_written_digits_of_8_px_and_one_channel_are_learned(digits, tmp_path):
    model, _ = fit(digits, tmp_path / "job", epochs=4, batch=32)
    assert model.card.metrics["accuracy"] >= 0.9


def test_progress_is_told_within_an_epoch_and_never_falls(trained):
    _, report = trained
    assert report.epochs == sorted(report.epochs)
    assert len([epoch for epoch in report.epochs if 1 < epoch < 2]) >= 3
    assert report.epochs[-1] == 3


def test_the_model_kept_is_that_of_the_best_epoch(trained):
    model, report = trained
    best = max(report.metrics, key=lambda row: (row["val_accuracy"], -row["val_loss"]))
    assert model.card.metrics["accuracy"] == pytest.approx(best["val_accuracy"])
    assert report.metrics.index(best) + 1 == model.card.metrics["best_epoch"]


def test_the_served_model_predicts_what_the_native_weights_predict(trained, dataset):
    model, _ = trained
    native = networks.build(3, None)
    native.network.load_state_dict(torch.load(model.weights_path, weights_only=True))
    predictor = ClassificationPredictor(open_session(model.onnx_path), model.card)
    for sample in dataset.val:
        image = decode(sample.path.read_bytes(), 10_000)
        expected = networks.probabilities(native, predictor.pre_process(image))[0]
        found = {prediction.class_name: prediction.confidence for prediction in predictor.predict(image)}
        assert [found[name] for name in dataset.classes] == pytest.approx(expected, abs=1e-5)


def test_training_and_inference_prepare_an_image_bit_for_bit_the_same(trained, dataset):
    predictor = ClassificationPredictor(open_session(trained[0].onnx_path), trained[0].card)
    pixels = load(dataset.val, 32, Path("unused"), lambda: None).pixels
    served = [predictor.pre_process(decode(sample.path.read_bytes(), 10_000)) for sample in dataset.val]
    assert (np.concatenate(served) == pixels).all()


def test_the_export_is_one_valid_file_for_any_batch_size(trained):
    model, _ = trained
    graph = onnx.load(model.onnx_path, load_external_data=False)
    assert graph.opset_import[0].version == networks.OPSET
    predictor = ClassificationPredictor(open_session(model.onnx_path), model.card)
    assert predictor.forward(np.zeros((5, 32, 32, 3), np.uint8)).shape == (5, 3)


def test_the_card_tells_where_a_model_comes_from(trained, dataset):
    card = trained[0].card
    assert card.metrics_on == "validation images"
    counts = {"train_images": 30, "val_images": 12, "test_images": 3}
    assert card.dataset == {"digest": "d" * 64, **counts, "seed": 0, "train_split": 0.8}
    assert card.metrics["classes"]["bar"]["images"] == 4
    assert np.sum(card.metrics["confusion"]) == 12
    assert card.export_difference == 0
    assert card.metrics["export_probability_difference"] < 1e-4
    assert not card.pretrained
    assert card.params["image_size"] == 32
    assert card.libraries["torch"] == torch.__version__.partition("+")[0]


def test_precision_and_recall_are_none_where_there_is_nothing_to_divide_by():
    predicted = np.eye(3, dtype=np.float32)[[0, 0, 1, 1]]
    found = score(np.array([0, 0, 0, 1]), predicted, ["a", "b", "c"])
    assert found["accuracy"] == 0.75
    assert found["classes"]["a"] == {"precision": 1.0, "recall": pytest.approx(2 / 3), "images": 3}
    assert found["classes"]["b"] == {"precision": 0.5, "recall": 1.0, "images": 1}
    assert found["classes"]["c"] == {"precision": None, "recall": None, "images": 0}
    assert found["confusion"] == [[2, 1, 0], [0, 1, 0], [0, 0, 0]]


def test_the_same_seed_gives_the_same_model_and_another_seed_another(dataset, tmp_path):
    first, second, other = (
        fit(dataset, tmp_path / name, epochs=1, seed=seed)[0] for name, seed in (("a", 1), ("b", 1), ("c", 2))
    )
    assert first.card.onnx_sha256 == second.card.onnx_sha256
    assert first.card.onnx_sha256 != other.card.onnx_sha256


def test_two_images_are_enough(tmp_path):
    samples = tuple(save(np.full((30, 40, 3), 200 * i, np.uint8), tmp_path / f"{i}.png", i) for i in range(2))
    model, report = fit(Dataset("classification", ("a", "b"), samples, samples, "d" * 64, True), tmp_path / "job")
    assert model.card.metrics["accuracy"] == 1
    assert model.card.metrics_on == "training images"
    assert any("Few images" in line for line in report.lines)


@pytest.mark.parametrize("images", [2, 3, 5, 17, 33, 65, 513])
@pytest.mark.parametrize("batch", [4, 32, 1024])
@pytest.mark.parametrize("epochs", [1, 30, 1000])
def test_no_batch_is_a_single_image_and_no_training_too_short(images, batch, epochs):
    schedule = Schedule.of(images, batch, epochs)
    sizes = [len(part) for part in np.array_split(np.arange(images * schedule.repeats), schedule.steps)]
    assert min(sizes) >= 2
    assert max(sizes) <= batch
    assert schedule.steps * epochs >= 120


@pytest.mark.filterwarnings("error")
def test_hostile_class_names_reach_card_and_pictures_unharmed(tmp_path):
    model, _ = fit(shapes(tmp_path, 3, HOSTILE), tmp_path / "job", epochs=1)
    assert tuple(model.card.classes) == HOSTILE
    assert [path.name for path in model.artifacts] == ["curves.png", "confusion.png", "validation.png", FILE]
    for path in model.artifacts[:-1]:
        with Image.open(path) as picture:
            picture.load()


def test_a_picture_of_a_thousand_classes_stays_small(tmp_path):
    pictures.draw_confusion(np.eye(1000, dtype=int), [str(number) for number in range(1000)], tmp_path / "c.png")
    with Image.open(tmp_path / "c.png") as picture:
        assert max(picture.size) <= 2000


def test_images_of_every_colour_mode_train_together(tmp_path):
    samples = []
    for number, mode in enumerate(["L", "P", "RGBA", "I;16", "1", "CMYK"] * 2):
        suffix = "jpg" if mode == "CMYK" else "png"
        path = tmp_path / f"{number}.{suffix}"
        (Image.new(mode, (20, 30)) if mode == "I;16" else Image.new("RGB", (20, 30)).convert(mode)).save(path)
        samples.append(Sample(path, 20, 30, (Annotation(number % 2),)))
    data = Dataset("classification", ("a", "b"), tuple(samples), tuple(samples), "d" * 64, True)
    assert fit(data, tmp_path / "job", epochs=1)[0].onnx_path.is_file()


def test_pretrained_weights_in_the_folder_are_used(dataset, tmp_path):
    torch.manual_seed(5)
    weights = torchvision.models.mobilenet_v3_small(weights=None).state_dict()
    torch.save(weights, tmp_path / "mobilenet_v3_small-0123.pth")
    model, report = fit(dataset, tmp_path / "job", tmp_path, epochs=1, learning_rate=1e-6, weight_decay=0)
    native = torch.load(model.weights_path, weights_only=True)
    first = "features.0.0.weight"
    assert model.card.pretrained
    assert model.card.architecture == "mobilenet_v3_small"
    content = (tmp_path / "mobilenet_v3_small-0123.pth").read_bytes()
    assert model.card.pretrained_sha256 == hashlib.sha256(content).hexdigest()
    assert torch.allclose(native[first], weights[first], atol=1e-3)
    assert "mobilenet_v3_small-0123.pth" in report.lines[0]


def test_pretrained_features_are_frozen_until_the_head_has_learned(dataset, tmp_path, monkeypatch):
    torch.save(torchvision.models.mobilenet_v3_small(weights=None).state_dict(), tmp_path / "mobilenet_v3_small.pth")
    monkeypatch.setattr("training.classification.fitting._HEAD_SHARE", 1.0)
    model, _ = fit(dataset, tmp_path / "job", tmp_path, epochs=1)
    before = torch.load(tmp_path / "mobilenet_v3_small.pth", weights_only=True)
    after = torch.load(model.weights_path, weights_only=True)
    assert all((after[name] == before[name]).all() for name in before if name.startswith("features"))
    assert after["classifier.3.weight"].shape[0] == 3


def test_weights_of_another_network_are_refused_in_words(dataset, tmp_path):
    torch.save({"some.weight": torch.zeros(1)}, tmp_path / "mobilenet_v3_small.pth")
    with pytest.raises(TrainingFailed, match=r"'mobilenet_v3_small.pth' do not fit"):
        fit(dataset, tmp_path / "job", tmp_path)


def test_a_failed_download_is_told_and_training_goes_on_from_scratch(dataset, tmp_path, monkeypatch):
    def refuse(*_, **__):
        raise OSError("no network")

    monkeypatch.setattr("torch.hub.download_url_to_file", refuse)
    report = Recorder()
    assert networks.find_weights(Workspace(tmp_path, tmp_path / "weights", True, ""), report) is None
    assert "no network" in report.lines[-1]


def test_a_damaged_image_is_named(tmp_path):
    data = shapes(tmp_path, 3)
    data.train[0].path.write_bytes(b"no image")
    with pytest.raises(TrainingFailed, match=rf"'{data.train[0].path.name}' cannot be read"):
        fit(data, tmp_path / "job")


def test_an_export_that_does_not_agree_fails_the_training(dataset, tmp_path, monkeypatch):
    monkeypatch.setattr("training.classification.run.PROBABILITY_TOLERANCE", -1.0)
    with pytest.raises(TrainingFailed, match="does not agree"):
        fit(dataset, tmp_path / "job", epochs=1)


@pytest.mark.parametrize("error", [MemoryError(), torch.OutOfMemoryError(), RuntimeError("can't allocate memory")])
def test_running_out_of_memory_is_said_with_the_sizes(dataset, tmp_path, monkeypatch, error):
    def exhaust(*_, **__):
        raise error

    monkeypatch.setattr("training.classification.fitting.recolour", exhaust)
    with pytest.raises(TrainingFailed, match="out of memory at batch 8 and image size 32"):
        fit(dataset, tmp_path / "job", batch=8)


def test_a_cancel_leaves_the_training_as_it_was_raised(dataset, tmp_path):
    class Cancelled(Exception):
        pass

    class Canceller(Recorder):
        def progress(self, epoch, epochs, metrics=None):
            raise Cancelled

    workspace = Workspace(tmp_path, tmp_path / "none", False, "")
    with pytest.raises(Cancelled):
        ClassificationTrainer().fit(dataset, ClassificationParams(), workspace, Canceller())


@pytest.mark.parametrize("wrong", [{"image_size": 33}, {"batch": 1}, {"learning_rate": 0}, {"colour": 1}])
def test_params_out_of_their_bounds_are_refused(wrong):
    with pytest.raises(ValidationError):
        ClassificationParams(**wrong)


def test_the_trainer_loads_without_torch_or_matplotlib():
    heavy = "{'torch', 'torchvision', 'matplotlib'}"
    code = f"import sys, training.classification.trainer; sys.exit(bool({heavy} & set(sys.modules)))"
    assert subprocess.run([sys.executable, "-c", code], timeout=240).returncode == 0
