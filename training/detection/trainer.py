"""Detection: its hyper-parameters and what it needs. Ultralytics and the runtime are imported only while it trains."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from pydantic import Field

from datasets.findings import Finding
from datasets.snapshot import Dataset, Snapshot
from inference.protocol import ModelCard
from training.protocol import EpochParams, Need, Report, Scorer, TrainedModel, TrainerParams, Workspace
from utils import plural, some_of


class DetectionParams(EpochParams):
    """Hyper-parameters of a detector."""

    image_size: int | None = Field(
        default=None,
        ge=32,
        le=1280,
        multiple_of=32,
        description="Longer side of the input, px; none is the images' own, at most 640 on a GPU and 320 on a CPU.",
    )
    batch: int | None = Field(
        default=None, ge=1, le=256, description="Images a step; none is 16, and 8 from scratch on small data."
    )
    learning_rate: float | None = Field(
        default=None, ge=1e-6, le=1.0, description="Highest step size, no unit; none is chosen by the size of the data."
    )
    patience: int = Field(
        default=100, ge=1, le=1000, description="Stop after this many epochs without a better result, epochs."
    )
    # Off, because a mirrored letter, digit, hand, arrow or traffic sign may be another class.
    mirror: bool = Field(
        default=False, description="Also train on mirrored images; only where left and right mean the same."
    )


class DetectionTrainer:
    """Fits a network that finds the project's classes in an image, each with a box."""

    Params: type[TrainerParams] = DetectionParams
    METRIC = "map50_95"
    METRICS: Mapping[str, Need | None] = dict.fromkeys(("map50_95", "map50", "precision", "recall"))
    LIGHTER = "a smaller `image_size`, a smaller `batch` or fewer images"

    def check(self, snapshot: Snapshot) -> list[Finding]:
        """What is missing before training may start; an image without a box is background."""
        return [*_check_classes(snapshot), *_check_images(snapshot)]

    def fit(self, dataset: Dataset, params: Any, workspace: Workspace, report: Report) -> TrainedModel:
        """Train, export, and score the export on `dataset.val` against the native model.

        Raises:
            TrainingFailed: out of memory, no box to train on, a loss that diverges, or an export that does not agree.
        """
        from training.detection.run import fit

        return fit(dataset, params, workspace, report)

    def scorer(self, dataset: Dataset, card: ModelCard, workspace: Workspace) -> Scorer:
        """What scores files of a trained model on `dataset.val`, with ultralytics' validation."""
        from training.detection.run import scorer_of

        return scorer_of(dataset, card, workspace)


def _check_classes(snapshot: Snapshot) -> list[Finding]:
    if not snapshot.classes:
        return [Finding("no_classes", "the project has no classes: add at least one")]
    counts = snapshot.images_of_class()
    empty = [name for name, count in zip(snapshot.classes, counts, strict=True) if count == 0]
    if not snapshot.images or not empty or len(empty) == len(snapshot.classes):
        return []
    sentence = f"{len(empty):,} classes have no image: {some_of(empty)}: draw a box of each"
    if len(empty) == 1:
        sentence = f"class '{empty[0]}' has no image: draw a box of it in at least one"
    return [Finding("class_without_image", sentence)]


def _check_images(snapshot: Snapshot) -> list[Finding]:
    if not snapshot.images:
        return [Finding("no_images", "the project has no images: add at least one a class")]
    lacks = []
    if not any(image.annotations for image in snapshot.images):
        lacks.append(Finding("no_boxes", "no image has a box: draw boxes around the objects to find"))
    for name, count in snapshot.unknown:
        sentence = f"{plural(count, 'image')} with class '{name}', which the project no longer has: "
        lacks.append(Finding("class_gone", sentence + "add the class again or change the labels"))
    return lacks
