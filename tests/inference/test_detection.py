from __future__ import annotations

from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from PIL import Image
from sklearn.datasets import load_sample_images

from datasets.snapshot import Annotation, Dataset, Sample
from inference.detection import DetectionPredictor, letterbox, overlap, suppress
from inference.protocol import Options, Prediction
from inference.sessions import open_session
from tests.training.quantization.making import assert_smaller_and_fit_to_serve, quantized
from tests.training.quantization.making import predictor as predictor_of
from training.detection.trainer import DetectionParams, DetectionTrainer
from training.protocol import TrainedModel, TrainingFailed, Workspace
from training.quantization import graph

# Ultralytics and what it uses are told off for their own calls, not for ours.
pytestmark = [
    pytest.mark.filterwarnings("ignore::DeprecationWarning:torch"),
    pytest.mark.filterwarnings("ignore:You are using the legacy TorchScript-based ONNX export"),
    pytest.mark.filterwarnings("ignore::torch.jit.TracerWarning"),
]
COLOURS = ((250, 220, 40), (40, 120, 250))


class Silent:
    """A report nobody reads."""

    def log(self, line: str) -> None:
        """Not read."""

    def progress(self, epoch: float, epochs: int, metrics: dict[str, float] | None = None) -> None:
        """Not read."""

    def checkpoint(self, path: Path, epoch: int) -> None:
        """Not read."""

    def resumed(self, epoch: int) -> None:
        """Not read."""

    def keepable(self) -> None:
        """Not read."""

    def stopping(self) -> bool:
        """Nobody wants it."""
        return False


def square(random: np.random.Generator, width: int, height: int, colour: int) -> tuple[np.ndarray, Annotation]:
    """One bright rectangle on dark noise, and where it is."""
    image = random.integers(0, 40, (height, width, 3), dtype=np.uint8)
    w, h = int(random.integers(width // 3, width * 2 // 3)), int(random.integers(height // 3, height * 2 // 3))
    x, y = int(random.integers(0, width - w)), int(random.integers(0, height - h))
    image[y : y + h, x : x + w] = COLOURS[colour]
    return image, Annotation(colour, ((x + w / 2) / width, (y + h / 2) / height, w / width, h / height))


def squares(folder: Path, train: int, val: int, classes: tuple[str, ...] = ("sun", "sea")) -> Dataset:
    """Images of 64 x 64 px with one rectangle each, of two colours that are the classes."""
    random = np.random.default_rng(0)
    samples = []
    for number in range(train + val):
        image, annotation = square(random, 64, 64, number % 2)
        path = folder / f"{number}.png"
        Image.fromarray(image).save(path)
        samples.append(Sample(path, 64, 64, (annotation,)))
    return Dataset("detection", classes, tuple(samples[:train]), tuple(samples[train:]), "digest")


def workspace(folder: Path, model: str = "yolo26n") -> Workspace:
    """An empty one."""
    folder.mkdir()
    return Workspace(folder, folder / "no weights", download_weights=False, yolo_model=model)


@pytest.fixture(scope="module", params=["yolo26n", pytest.param("yolo11n", marks=pytest.mark.story)])
def trained(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> TrainedModel:
    torch.set_num_threads(1)
    folder = tmp_path_factory.mktemp("squares")
    params = DetectionParams(image_size=64, epochs=8, batch=4, learning_rate=0.004)
    return DetectionTrainer().fit(squares(folder, 96, 8), params, workspace(folder / "work", request.param), Silent())


@pytest.fixture
def predictor(trained: TrainedModel) -> DetectionPredictor:
    return DetectionPredictor(open_session(trained.onnx_path), trained.card)


@pytest.mark.parametrize("size", [(64, 64), (640, 480), (97, 201), (300, 40), (31, 500)])
def test_boxes_are_those_of_ultralytics_own_predict(trained, predictor, size):
    from ultralytics import YOLO

    native: Any = YOLO(trained.weights_path)
    found = 0
    for seed in range(4):
        image, _ = square(np.random.default_rng(seed), size[0], size[1], seed % 2)
        expected = native.predict(image[..., ::-1].copy(), verbose=False, device="cpu")[0].boxes.data.numpy()
        got = predictor.predict(image)
        assert len(got) == len(expected)
        for prediction, (*box, confidence, index) in zip(got, expected, strict=True):
            found += 1
            assert prediction.class_name == trained.card.classes[int(index)]
            assert prediction.confidence == pytest.approx(confidence, abs=1e-3)
            assert overlap(np.array(prediction.box_px), np.array([box])).item() >= 0.99
    assert found or min(size) < 50


def views(photograph: np.ndarray) -> Iterator[np.ndarray]:
    """A photograph whole, turned, in parts, and enlarged, shrunk and squeezed."""
    yield from (photograph, np.rot90(photograph), photograph[:, 100:460], photograph[50:, 200:])
    yield from (photograph[30:331, 60:421], photograph[:200], photograph[150:], photograph[:, ::-1])
    for size in ((1600, 1067), (320, 213), (100, 67), (211, 427)):
        yield np.asarray(Image.fromarray(photograph).resize(size))


def mate(box: np.ndarray, class_name: str, candidates: list[Prediction]) -> Prediction | None:
    """The one of this class that covers a box best, if it covers nearly all of it."""
    same = [prediction for prediction in candidates if prediction.class_name == class_name]
    overlaps = [overlap(np.array(prediction.box_px), box[np.newaxis]).item() for prediction in same]
    return same[int(np.argmax(overlaps))] if overlaps and max(overlaps) >= 0.95 else None


@pytest.mark.parametrize("number", [0, 1], ids=["china.jpg", "flower.jpg"])
def test_on_a_photograph_each_box_is_one_of_ultralytics_own_predict(trained, number):
    from ultralytics import YOLO

    native: Any = YOLO(trained.weights_path)
    # What the model is unsure of has to agree too, and there is more of it.
    unsure = DetectionPredictor(open_session(trained.onnx_path), trained.card, confidence=0.02)
    confidences: list[float] = []
    for image in map(np.ascontiguousarray, views(load_sample_images().images[number])):
        result = native.predict(image[..., ::-1].copy(), verbose=False, device="cpu", conf=0.02)[0]
        left, rows = unsure.predict(image), result.boxes.data.numpy()
        expected = rows[(rows[:, 2:4] >= rows[:, :2]).all(1)]
        assert len(left) == len(expected)
        for *box, confidence, index in expected:
            found = mate(np.array(box), trained.card.classes[int(index)], left)
            assert found, f"nothing where ultralytics is {confidence} sure of {box}"
            assert found.confidence == pytest.approx(confidence, abs=0.02)
            confidences.append(found.confidence)
            left.remove(found)
    assert len(confidences) >= 20
    assert max(confidences) - min(confidences) > 0.2


def test_the_rectangle_is_found(predictor):
    image, annotation = square(np.random.default_rng(9), 64, 64, 0)
    x, y, w, h = np.array(annotation.box) * 64
    best = predictor.predict(image)[0]
    assert best.class_name == "sun"
    assert overlap(np.array(best.box_px), np.array([[x - w / 2, y - h / 2, x + w / 2, y + h / 2]])).item() > 0.6


@pytest.mark.parametrize("shape", [(1, 5000), (5000, 1), (1, 1), (1, 40_000), (4000, 6000)])
def test_images_of_any_shape_give_finite_boxes_inside_them(trained, shape):
    eager = DetectionPredictor(open_session(trained.onnx_path), trained.card, confidence=0.001)
    for x1, y1, x2, y2 in (p.box_px for p in eager.predict(np.full((*shape, 3), 200, np.uint8))):
        assert 0 <= x1 <= x2 <= shape[1]
        assert 0 <= y1 <= y2 <= shape[0]


def test_a_box_with_a_negative_side_is_not_served(predictor):
    outputs = np.array([[32, 32, 8, 8, 0.9, 0], [32, 32, -8, 8, 0.9, 0], [9, 9, 8, -0.1, 0, 0.9]], np.float32).T
    found = predictor.post_process(outputs[np.newaxis], (1, 3, 64, 64), (64, 64))
    assert [prediction.box_px for prediction in found] == [(28, 28, 36, 36)]


def test_a_higher_confidence_leaves_boxes_out(trained):
    image, _ = square(np.random.default_rng(9), 64, 64, 0)
    session = open_session(trained.onnx_path)
    assert DetectionPredictor(session, trained.card, confidence=0.01).predict(image)
    assert DetectionPredictor(session, trained.card, confidence=0.999).predict(image) == []


def test_threads_may_share_a_predictor(predictor):
    images = [square(np.random.default_rng(seed), 64 + seed, 64, seed % 2)[0] for seed in range(16)]
    alone = [predictor.predict(image) for image in images]
    with ThreadPoolExecutor(4) as pool:
        assert list(pool.map(predictor.predict, images)) == alone


def test_the_letterbox_is_the_one_of_ultralytics():
    from ultralytics.data.augment import LetterBox

    random = np.random.default_rng(0)
    for height, width in ((480, 640), (33, 500), (1, 5000), (641, 639), (20, 20)):
        image = random.integers(0, 256, (height, width, 3), dtype=np.uint8)
        expected = LetterBox((320, 320), auto=True, stride=32)(image=image)
        np.testing.assert_array_equal(letterbox(image, 320, 32), expected)


def test_suppression_is_the_one_of_torchvision():
    from torchvision.ops import nms

    random = np.random.default_rng(0)
    corners = random.uniform(0, 50, (400, 2)).astype(np.float32)
    boxes = np.concatenate([corners, corners + random.uniform(1, 60, (400, 2)).astype(np.float32)], axis=1)
    confidences = random.uniform(0, 1, 400).astype(np.float32)
    expected: Any = nms(torch.from_numpy(boxes), torch.from_numpy(confidences), 0.7)
    assert suppress(boxes, confidences).tolist() == expected.tolist()[:300]


def test_options_choose_among_the_boxes(trained):
    image = np.random.default_rng(5).integers(0, 256, (64, 64, 3), dtype=np.uint8)
    predictor = DetectionPredictor(open_session(trained.onnx_path), trained.card, confidence=0.0)
    everything = predictor.predict(image, Options(iou=1.0))
    assert len(everything) > 5
    assert predictor.predict(image, Options(iou=1.0, max_detections=5)) == everything[:5]
    least = everything[4].confidence
    assert predictor.predict(image, Options(iou=1.0, confidence=least)) == [
        found for found in everything if found.confidence > least
    ]
    for name in trained.card.classes:
        boxes = np.array(
            [found.box_px for found in predictor.predict(image, Options(iou=0.0)) if found.class_name == name]
        )
        for number, box in enumerate(boxes):
            assert (overlap(box, np.delete(boxes, number, 0)) < 0.01).all()


def same(one: Prediction, other: Prediction) -> bool:
    boxes = np.array(one.box_px), np.array([other.box_px])
    return one.class_name == other.class_name and overlap(*boxes).item() > 0.8


def test_a_detector_in_int8_finds_the_boxes_that_it_found_before(trained: TrainedModel, tmp_path: Path):
    # The images that it was trained on, made once more.
    dataset = squares(tmp_path, 96, 8)
    model, report = quantized(dataset, trained, tmp_path / "int8", force=True)
    assert_smaller_and_fit_to_serve(trained, model)
    assert set(model.card.metrics) == set(trained.card.metrics)
    assert report.epochs == sorted(report.epochs)
    now, before = predictor_of(model), predictor_of(trained)
    sure = 0
    for sample in dataset.val:
        image = np.asarray(Image.open(sample.path))
        found = now.predict(image)
        for expected in before.predict(image):
            if expected.confidence > 0.5:
                sure += 1
                assert any(same(expected, item) for item in found)
    assert sure >= 4


def test_int8_that_costs_more_than_a_point_is_refused(
    trained: TrainedModel, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
):
    # With the end of the network in int8 too, pixels and confidences share 256 steps, and no confidence is left.
    monkeypatch.setattr(graph, "float_nodes", lambda whole: [])
    before = trained.card.metrics["map50_95"]
    with pytest.raises(TrainingFailed) as failure:
        quantized(squares(tmp_path, 96, 8), trained, tmp_path / "refused")
    for words in (f"{before:.2%} in float32", "points, allowed are -1", "ask again with force"):
        assert words in str(failure.value)
