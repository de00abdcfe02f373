"""Trains the two models that are served, briefly but really; a process of its own, since it imports torch.

python -m benchmarks.serving.trainings classification|detection FOLDER [DATA]
"""

from __future__ import annotations

import argparse
import dataclasses
import shutil
import tempfile
from pathlib import Path
from typing import Any

from benchmarks import classification, detection_job
from datasets.snapshot import Dataset
from demo import digits
from demo.write import write_class_folders, write_yolo_layout
from training.classification.trainer import ClassificationParams, ClassificationTrainer
from training.detection.trainer import DetectionParams, DetectionTrainer
from training.protocol import Workspace

CLASSIFICATION_PX = 224
_DETECTION_EPOCHS = 6
_CLASSIFICATION_EPOCHS = 2
_MOST_IMAGES = 300


def train(kind: str, target: Path, data: Path | None) -> None:
    """Leave `model.onnx` and `card.json` in the folder."""
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        (folder / "work").mkdir()
        workspace = Workspace(folder / "work", folder / "none", download_weights=False, yolo_model="yolo26n")
        trainer, params, dataset = (_classifier if kind == "classification" else _detector)(folder, data)
        model = trainer.fit(dataset, params, workspace, detection_job.Silent())
        target.mkdir(parents=True, exist_ok=True)
        shutil.copy(model.onnx_path, target / "model.onnx")
        (target / "card.json").write_text(model.card.model_dump_json())


def _classifier(folder: Path, _: Path | None) -> tuple[Any, Any, Dataset]:
    dataset = classification.read_folder(write_class_folders(digits.classification(), folder / "data"), seed=0)
    params = ClassificationParams(epochs=_CLASSIFICATION_EPOCHS, image_size=CLASSIFICATION_PX)
    return ClassificationTrainer(), params, _some_of(dataset)


def _detector(folder: Path, data: Path | None) -> tuple[Any, Any, Dataset]:
    dataset = detection_job.read_folder(data or write_yolo_layout(digits.detection(), folder / "data"))
    image_size = 320 if data else digits.CANVAS_PX
    return DetectionTrainer(), DetectionParams(epochs=_DETECTION_EPOCHS, image_size=image_size), _some_of(dataset)


def _some_of(dataset: Dataset) -> Dataset:
    """Enough to learn something from, in a minute or two."""
    step = max(1, len(dataset.train) // _MOST_IMAGES)
    return dataclasses.replace(dataset, train=dataset.train[::step], val=dataset.val[: _MOST_IMAGES // 4])


def main() -> None:
    """Train what is asked for."""
    parser = argparse.ArgumentParser()
    parser.add_argument("kind", choices=("classification", "detection"))
    parser.add_argument("folder", type=Path)
    parser.add_argument("data", type=Path, nargs="?")
    arguments = parser.parse_args()
    train(arguments.kind, arguments.folder, arguments.data)


if __name__ == "__main__":
    main()
