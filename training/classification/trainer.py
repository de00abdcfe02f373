"""Trains image classifiers; torch is imported only while a training runs."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from pydantic import Field

from datasets.findings import Finding
from datasets.snapshot import Dataset, Snapshot
from inference.protocol import ModelCard
from training.protocol import EpochParams, Need, Report, Scorer, TrainedModel, TrainerParams, TrainingFailed, Workspace
from utils import plural, some_of


class ClassificationParams(EpochParams):
    """Hyper-parameters of a classifier."""

    image_size: int | None = Field(
        default=None,
        ge=32,
        le=1280,
        multiple_of=16,
        description="Side of the square input, px; none is 64 from scratch and 160 with pretrained weights.",
    )
    batch: int = Field(default=32, ge=4, le=1024, description="Images a step; small data takes fewer.")
    learning_rate: float = Field(
        default=3e-3, ge=1e-6, le=1.0, description="Highest step size of the one-cycle schedule, no unit."
    )
    weight_decay: float = Field(default=0.05, ge=0.0, le=1.0, description="Pull of the weights to zero, no unit.")
    augmentation: float = Field(
        default=1.0, ge=0.0, le=2.0, description="Strength of random turns, zooms, shifts and light; 0 is none."
    )
    # Off, because a mirrored letter, digit, hand sign, arrow or scan of a body may be another class.
    mirror: bool = Field(
        default=False, description="Also train on mirrored images; only where left and right mean the same."
    )


class ClassificationTrainer:
    """Fits a network that gives a whole image one of the project's classes."""

    Params: type[TrainerParams] = ClassificationParams
    METRIC = "accuracy"
    METRICS: Mapping[str, Need | None] = {"accuracy": None}
    LIGHTER = "a smaller `image_size`, a smaller `batch` or fewer images"

    def check(self, snapshot: Snapshot) -> list[Finding]:
        """What is missing before training may start."""
        return [*_check_classes(snapshot), *_check_images(snapshot)]

    def fit(self, dataset: Dataset, params: Any, workspace: Workspace, report: Report) -> TrainedModel:
        """Train, export, and score the export on `dataset.val` with the predictor that will serve it.

        Raises:
            TrainingFailed: out of memory, a damaged image, a loss that diverges, or an export that does not agree.
        """
        import torch

        from training.classification.run import ClassificationRun

        run = ClassificationRun(dataset, params, workspace, report)
        try:
            return run.fit()
        except (MemoryError, RuntimeError) as error:
            # On a GPU torch raises OutOfMemoryError; of exhausted main memory it tells with a plain RuntimeError.
            known = isinstance(error, (MemoryError, torch.OutOfMemoryError)) or "allocate memory" in str(error)
            if not known:
                raise
            raise TrainingFailed(
                f"out of memory at batch {params.batch} and image size {run.size_px}: try {self.LIGHTER}"
            ) from error

    def scorer(self, dataset: Dataset, card: ModelCard, workspace: Workspace) -> Scorer:
        """What scores files of a trained model on `dataset.val`, with the predictor that serves them."""
        from training.classification.scoring import scorer

        return scorer(dataset, card)


def _check_classes(snapshot: Snapshot) -> list[Finding]:
    lacks = []
    if not snapshot.classes:
        lacks.append(Finding("no_classes", "the project has no classes: add at least two"))
    elif len(snapshot.classes) == 1:
        lacks.append(
            Finding("one_class", f"the project has only the class '{snapshot.classes[0]}': add at least one more")
        )
    counts = snapshot.images_of_class()
    empty = [name for name, count in zip(snapshot.classes, counts, strict=True) if count == 0]
    if snapshot.images and len(empty) == 1:
        lacks.append(Finding("class_without_image", f"class '{empty[0]}' has no image: add at least one"))
    elif snapshot.images and empty:
        sentence = f"{len(empty):,} classes have no image: {some_of(empty)}: add at least one each"
        lacks.append(Finding("class_without_image", sentence))
    return lacks


def _check_images(snapshot: Snapshot) -> list[Finding]:
    if not snapshot.images:
        return [Finding("no_images", "the project has no images: add at least one a class")]
    lacks = []
    if unlabelled := snapshot.unlabelled:
        verb = "has" if len(unlabelled) == 1 else "have"
        sentence = f"{plural(len(unlabelled), 'image')} {verb} no label: {some_of(unlabelled)}"
        lacks.append(Finding.about("unlabelled", sentence, unlabelled))
    several = [i.name for i in snapshot.images if len({a.class_index for a in i.annotations}) > 1]
    if several:
        verb = "has" if len(several) == 1 else "have"
        sentence = f"{plural(len(several), 'image')} {verb} more than one class: {some_of(several)}: keep one"
        lacks.append(Finding.about("several_classes", sentence, several))
    for name, count in snapshot.unknown:
        sentence = f"{plural(count, 'image')} of class '{name}', which the project no longer has: "
        lacks.append(Finding("class_gone", sentence + "add the class again or change the labels"))
    return lacks
