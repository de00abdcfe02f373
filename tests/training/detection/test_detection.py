from __future__ import annotations

import hashlib
import io
import os
import shutil
import subprocess
import sys
import zipfile
from dataclasses import replace
from pathlib import Path

import cv2
import numpy as np
import onnx
import pytest
import torch
from PIL import Image
from pydantic import ValidationError

from datasets.images import decode
from datasets.judgements import FILE, Judgements
from datasets.snapshot import Annotation, Dataset, Sample, Snapshot, SnapshotImage
from tests.conftest import ROOT
from tests.inference.test_detection import Silent, squares, workspace
from training.detection.files import label_line, write_dataset
from training.detection.run import fitting_size, train_arguments
from training.detection.scoring import _found
from training.detection.trainer import DetectionParams, DetectionTrainer
from training.protocol import TrainedModel, TrainingFailed

pytestmark = [
    pytest.mark.filterwarnings("ignore::DeprecationWarning:torch"),
    pytest.mark.filterwarnings("ignore:You are using the legacy TorchScript-based ONNX export"),
    pytest.mark.filterwarnings("ignore::torch.jit.TracerWarning"),
]
HOSTILE = ('5" nail', "\\", "yes", "null", "a: b", "{x}", "$x_2^$", "download: import os\nos.abort()", "猫\x00")
BOX = (0.5, 0.5, 0.5, 0.5)
QUICK = DetectionParams(image_size=64, epochs=1)
FOUR_EPOCHS = DetectionParams(image_size=32, epochs=4)


class Recorder(Silent):
    """A report that remembers, and may be cancelled."""

    def __init__(self, cancel_at: float = 1e9):
        self.lines: list[str] = []
        self.epochs: list[float] = []
        self.metrics: list[dict[str, float]] = []
        self.checkpoints: list[tuple[Path, int]] = []
        self.resumed_from: int | None = None
        self._cancel_at = cancel_at

    def log(self, line: str) -> None:
        self.lines.append(line)

    def progress(self, epoch: float, epochs: int, metrics: dict[str, float] | None = None) -> None:
        if epoch >= self._cancel_at:
            raise KeyError("cancelled")
        self.epochs.append(epoch)
        if metrics is not None:
            self.metrics.append(metrics)

    def checkpoint(self, path: Path, epoch: int) -> None:
        self.checkpoints.append((path, epoch))

    def resumed(self, epoch: int) -> None:
        self.resumed_from = epoch


def snapshot(classes: tuple[str, ...], *images: tuple[Annotation, ...], unknown=()) -> Snapshot:
    rows = tuple(SnapshotImage(f"{n}.png", f"{n}", "", 9, 9, "PNG", a) for n, a in enumerate(images))
    return Snapshot("detection", classes, rows, unknown)


def sample(path: Path, image: Image.Image, *annotations: Annotation, **options) -> Sample:
    image.save(path, **options)
    return Sample(path, *image.size, annotations or (Annotation(0, BOX),))


def noise(width: int, height: int, mode: str = "RGB") -> Image.Image:
    pixels = np.random.default_rng(0).integers(0, 256, (height, width, 3), dtype=np.uint8)
    return Image.fromarray(pixels).convert(mode)


@pytest.fixture(scope="module")
def hostile(tmp_path_factory: pytest.TempPathFactory) -> tuple[TrainedModel, Recorder, Path]:
    """One epoch with class names that are markup, code and YAML somewhere."""
    torch.set_num_threads(1)
    folder, report = tmp_path_factory.mktemp("hostile"), Recorder()
    place = workspace(folder / "work")
    params = QUICK.model_copy(update={"epochs": 2})
    dataset = squares(folder, 12, 4, HOSTILE)
    dataset = replace(dataset, test=dataset.val[:2], val=tuple(replace(v, name=v.path.name) for v in dataset.val))
    return DetectionTrainer().fit(dataset, params, place, report), report, place.folder


def test_check_tells_in_words_what_is_missing():
    def check(given: Snapshot) -> list[str]:
        return [found.message for found in DetectionTrainer().check(given)]

    assert check(snapshot(())) == [
        "the project has no classes: add at least one",
        "the project has no images: add at least one a class",
    ]
    assert check(snapshot(("cat",), ())) == ["no image has a box: draw boxes around the objects to find"]
    assert "class 'dog' has no image" in check(snapshot(("cat", "dog"), (Annotation(0, BOX),)))[0]
    assert (
        "'ant', which the project no longer has"
        in check(snapshot(("cat",), (Annotation(0, BOX),), unknown=(("ant", 1),)))[0]
    )


def test_an_image_without_a_box_is_background():
    assert DetectionTrainer().check(snapshot(("cat",), (Annotation(0, BOX),), ())) == []


@pytest.mark.parametrize("bad", [{"image_size": 650}, {"image_size": 0}, {"batch": 0}, {"epochs": 0}, {"other": 1}])
def test_params_out_of_bounds_are_refused(bad):
    with pytest.raises(ValidationError):
        DetectionParams(**bad)


def test_class_names_are_data_everywhere(hostile):
    model, _, folder = hostile
    assert model.card.classes == list(HOSTILE)
    assert list(model.card.metrics["per_class"]) == list(HOSTILE)
    configuration = (folder / "data" / "dataset.yaml").read_text() + (folder / "run" / "args.yaml").read_text()
    assert not any(name in configuration for name in ('5"', "{x}", "$x", "os.abort", "猫"))


def test_images_to_test_with_are_scored_apart(hostile):
    card = hostile[0].card
    assert set(card.test_metrics) == set(card.metrics)
    assert sum(row["boxes"] for row in card.test_metrics["per_class"].values()) == 2


def test_what_was_found_in_each_validation_image_is_kept(hostile):
    model, _, _ = hostile
    [path] = [path for path in model.artifacts if path.name == FILE]
    told = Judgements.from_bytes(path.read_bytes())
    assert told.classes == HOSTILE
    assert len({image.name for image in told.images}) == told.judged == len(told.images) == 4
    assert all(len(image.labels) == 1 for image in told.images)
    assert all(0 <= image.score <= 1 for image in told.images)


def test_boxes_are_told_in_the_images_own_measure_and_only_those_that_are_sure():
    from ultralytics.models.yolo.detect import DetectionValidator

    # 200 x 100 px, doubled, with 56 px of padding above and below.
    batch = {"img": torch.zeros(1, 3, 320, 416), "ori_shape": [(100, 200)], "ratio_pad": [((2.0, 2.0), (8.0, 60.0))]}
    corners = [[8.0, 60.0, 208.0, 160.0], [8.0, 60.0, 408.0, 260.0]]
    prediction = {
        "bboxes": torch.tensor(corners), "conf": torch.tensor([0.9, 0.1]), "cls": torch.tensor([1.0, 0.0]),
        "extra": torch.zeros(2, 0),
    }  # fmt: skip
    [found] = _found(DetectionValidator.__new__(DetectionValidator), prediction, 0, batch)
    assert (found.class_index, found.confidence) == (1, pytest.approx(0.9))
    assert found.box == pytest.approx((0.25, 0.25, 0.5, 0.5))
    assert prediction["bboxes"].tolist() == corners


def test_progress_never_falls_and_each_epoch_has_metrics(hostile):
    _, report, _ = hostile
    assert report.epochs == sorted(report.epochs)
    assert report.epochs[-1] == 2
    assert len(set(report.epochs)) >= 4
    assert len(report.metrics) == 2
    assert {"box_loss", "cls_loss", "map50", "map50_95", "precision", "recall"} <= set(report.metrics[0])


def test_the_export_is_valid_dynamic_and_says_nothing_of_this_machine(hostile):
    model, _, folder = hostile
    content = model.onnx_path.read_bytes()
    graph = onnx.load_from_string(content)
    onnx.checker.check_model(graph, full_check=True)
    assert [bool(d.dim_param) for d in graph.graph.input[0].type.tensor_type.shape.dim] == [True, False, True, True]
    assert str(folder).encode() not in content
    assert model.card.onnx_sha256 == hashlib.sha256(content).hexdigest()


def test_the_card_is_complete(hostile):
    card = hostile[0].card
    assert card.pretrained is False
    assert card.licence.startswith("AGPL-3.0")
    assert card.metrics_on == "validation images"
    assert card.metrics["per_class"][HOSTILE[0]]["boxes"] == 2
    assert card.export_difference < 0.01
    assert card.preprocessing["stride"] == 32


def test_pictures_are_made(hostile):
    pictures = [path for path in hostile[0].artifacts if path.name != FILE]
    for path in pictures:
        with Image.open(path) as picture:
            picture.load()
    assert {path.name for path in pictures} == {"results.png", "confusion_matrix.png", "predictions.jpg"}


def test_what_the_report_raises_ends_the_training(tmp_path):
    with pytest.raises(KeyError, match="cancelled"):
        DetectionTrainer().fit(squares(tmp_path, 12, 4), QUICK, workspace(tmp_path / "work"), Recorder(cancel_at=0.3))


@pytest.fixture(scope="module")
def interrupted(tmp_path_factory: pytest.TempPathFactory) -> tuple[Dataset, Path]:
    """A training of four epochs that was broken off in the third, and its checkpoint; its folders are gone."""
    torch.set_num_threads(1)
    folder, report = tmp_path_factory.mktemp("interrupted"), Recorder(cancel_at=2.4)
    dataset = squares(folder, 8, 4)
    place = replace(workspace(folder / "work"), checkpoint_seconds=0)
    with pytest.raises(KeyError):
        DetectionTrainer().fit(dataset, FOUR_EPOCHS, place, report)
    assert [epoch for _, epoch in report.checkpoints] == [1, 2]
    checkpoint = report.checkpoints[-1][0].rename(folder / "checkpoint")
    shutil.rmtree(place.folder)
    return dataset, checkpoint


def test_a_training_goes_on_from_a_checkpoint_and_keeps_its_history_and_best_epoch(interrupted, tmp_path):
    dataset, checkpoint = interrupted
    report = Recorder()
    place = replace(workspace(tmp_path / "work"), checkpoint=checkpoint, checkpoint_seconds=0)
    model = DetectionTrainer().fit(dataset, FOUR_EPOCHS, place, report)
    assert report.resumed_from == 2
    assert (min(report.epochs) > 2, report.epochs[-1], len(report.metrics)) == (True, 4, 2)
    assert [epoch for _, epoch in report.checkpoints] == [3]
    assert model.onnx_path.is_file()


@pytest.mark.parametrize("damage", ["not a checkpoint", "another architecture", "ultralytics cannot go on"])
def test_a_checkpoint_that_cannot_be_used_means_a_start_from_the_beginning(interrupted, tmp_path, damage):
    dataset, good = interrupted
    checkpoint = tmp_path / "checkpoint"
    content = {"not a checkpoint": b"PK nothing", "another architecture": good.read_bytes()}.get(damage, b"")
    checkpoint.write_bytes(content)
    if not content:
        with zipfile.ZipFile(good) as source, zipfile.ZipFile(checkpoint, "w") as target:
            for name in source.namelist():
                target.writestr(name, b"cut short" if name == "last.pt" else source.read(name))
    name = "yolo11n" if damage == "another architecture" else "yolo26n"
    report = Recorder(cancel_at=1.5)
    with pytest.raises(KeyError):
        DetectionTrainer().fit(
            dataset, FOUR_EPOCHS, replace(workspace(tmp_path / "w", name), checkpoint=checkpoint), report
        )
    assert any("the checkpoint cannot be used, training starts over" in line for line in report.lines)
    assert (report.resumed_from, report.epochs[0], len(report.metrics)) == (None, 1, 1)


def test_originals_stay_as_they_are_and_any_allowed_format_trains(tmp_path):
    odd = io.BytesIO()
    noise(40, 30).save(odd, "JPEG")
    (tmp_path / "tail.jpg").write_bytes(odd.getvalue() + b"trailing bytes")
    turn = Image.Exif()
    turn[0x0112] = 6
    deep = Image.fromarray(np.random.default_rng(1).integers(0, 65536, (40, 40), dtype=np.uint16))
    train = (
        Sample(tmp_path / "tail.jpg", 40, 30, (Annotation(0, BOX),)),
        sample(tmp_path / "turned.jpg", noise(60, 30), exif=turn),
        sample(tmp_path / "turned.webp", noise(60, 30), exif=turn),
        sample(tmp_path / "tiny.png", noise(8, 8)),
        sample(tmp_path / "thin.png", noise(400, 1)),
        sample(tmp_path / "grey.jpg", noise(40, 40, "L")),
        sample(tmp_path / "clear.png", noise(40, 40, "RGBA")),
        sample(tmp_path / "palette.png", noise(40, 40, "P")),
        sample(tmp_path / "deep.png", deep),
        sample(tmp_path / "plain.bmp", noise(40, 40)),
        Sample(sample(tmp_path / "background.png", noise(40, 40)).path, 40, 40, ()),
    )
    before = {s.path: s.path.read_bytes() for s in train}
    place = workspace(tmp_path / "work")
    DetectionTrainer().fit(Dataset("detection", ("a",), train, train[-1:], "d"), QUICK, place, Silent())
    assert {s.path: s.path.read_bytes() for s in train} == before
    placed = sorted((place.folder / "data" / "train" / "images").iterdir())
    for one, path in zip(train, placed, strict=True):
        read = np.asarray(cv2.imread(str(path)))[..., ::-1].astype(int)
        expected = decode(before[one.path], 10**6)
        if read.shape == expected.shape:
            assert np.abs(read - expected).mean() < 2, one.path.name
        else:
            assert min(expected.shape[:2]) < 10


def test_two_images_are_enough(tmp_path):
    dataset = squares(tmp_path, 2, 0)
    dataset = replace(dataset, val=dataset.train, val_is_train=True)
    model = DetectionTrainer().fit(
        dataset, DetectionParams(image_size=32, epochs=1, batch=1), workspace(tmp_path / "w"), Silent()
    )
    assert model.card.metrics_on == "training images"


def test_nothing_to_train_on_is_told_in_words(tmp_path):
    dataset = squares(tmp_path, 4, 2)
    bare = replace(dataset, train=tuple(replace(s, annotations=()) for s in dataset.train))
    with pytest.raises(TrainingFailed, match="none of the images to train on has a box"):
        write_dataset(bare, tmp_path / "data")


def test_boxes_that_leave_the_image_are_cut_off_at_its_edge():
    assert label_line(Annotation(3, (0.0, 0.5, 0.2, 1.001))) == "3 0.0500000 0.5000000 0.1000000 1.0000000\n"
    assert label_line(Annotation(0, (0.0, 0.5, 0.0, 0.5))) == ""


def test_small_data_from_scratch_takes_a_step_every_batch():
    small = train_arguments(DetectionParams(), Path("d"), 200, 640, "yolo26n.yaml")
    large = train_arguments(DetectionParams(), Path("d"), 100_000, 640, "yolo26n.yaml")
    assert small["nbs"] == small["batch"] == 8
    assert "nbs" not in large
    assert "nbs" not in train_arguments(DetectionParams(), Path("d"), 200, 640, Path("yolo26n.pt"))


@pytest.mark.parametrize(("longest_px", "chosen_px"), [(8, 64), (150, 160), (160, 160), (4000, 320)])
def test_images_are_never_enlarged_beyond_need_and_a_cpu_gets_what_it_can_bear(tmp_path, longest_px, chosen_px):
    sample = Sample(tmp_path / "a.png", longest_px, 5, ())
    dataset = Dataset("detection", ("square",), (sample,), (sample,), "digest")
    most = 640 if torch.cuda.is_available() else 320
    assert fitting_size(dataset) == min(chosen_px if longest_px < 320 else most, most)


@pytest.mark.parametrize(
    "error", [MemoryError(), RuntimeError("CUDA out of memory"), RuntimeError("can't allocate memory")]
)
def test_out_of_memory_is_told_with_a_way_out(tmp_path, monkeypatch, error):
    def fail(*_):
        raise error

    monkeypatch.setattr("training.detection.run._train", fail)
    with pytest.raises(TrainingFailed, match="out of memory at batch 8 and image size 64: try a smaller `image_size`"):
        DetectionTrainer().fit(squares(tmp_path, 4, 2), QUICK, workspace(tmp_path / "work"), Silent())


def test_an_unknown_model_is_told_in_words(tmp_path):
    with pytest.raises(TrainingFailed, match="knows no model 'yolo99z"):
        DetectionTrainer().fit(squares(tmp_path, 4, 2), QUICK, workspace(tmp_path / "work", "yolo99z"), Silent())


def test_importing_the_trainer_imports_neither_torch_nor_ultralytics():
    code = "import sys, training.detection.trainer as _, inference.detection"
    code += "; assert not {'torch', 'ultralytics'} & set(sys.modules)"
    subprocess.run([sys.executable, "-c", code], check=True, cwd=ROOT)


def test_a_training_reaches_no_network_and_writes_nothing_into_the_home(tmp_path):
    code = """
import socket, sys
from pathlib import Path
def refuse(*arguments, **options): raise SystemExit(f"network: {arguments}")
socket.getaddrinfo = socket.socket.connect = refuse
from tests.inference.test_detection import Silent, squares, workspace
from training.detection.trainer import DetectionParams, DetectionTrainer
folder = Path(sys.argv[1])
params = DetectionParams(image_size=32, epochs=1)
DetectionTrainer().fit(squares(folder, 4, 2), params, workspace(folder / "w"), Silent())
"""
    home, here, work = (tmp_path / name for name in ("home", "here", "work"))
    for folder in (home, here, work):
        folder.mkdir()
    kept = {k: v for k, v in os.environ.items() if not k.startswith(("YOLO", "MPL", "XDG", "PYTEST"))}
    environment = {**kept, "HOME": str(home), "PYTHONPATH": str(ROOT)}
    subprocess.run([sys.executable, "-c", code, str(work)], check=True, cwd=here, env=environment, timeout=480)
    assert [*home.rglob("*"), *here.rglob("*")] == []
