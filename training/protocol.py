"""What a trainer is: one class a project type."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from enum import Enum
from pathlib import Path
from typing import Any, Protocol

from pydantic import BaseModel, ConfigDict, Field

from datasets.findings import Finding
from inference.protocol import ModelCard


class TrainerParams(BaseModel):
    """Hyper-parameters that every trainer has; each adds its own."""

    model_config = ConfigDict(extra="forbid")

    train_split: float = Field(default=0.8, ge=0.5, le=0.95, description="Fraction of the data to train on.")
    seed: int = Field(default=0, ge=0, le=2**31 - 1, description="Seed of the split and of the training.")

    def passes(self) -> int:
        """Epochs that a training will have, by which its progress is told; one where there is nothing to choose."""
        return 1


class EpochParams(TrainerParams):
    """Hyper-parameters of what is trained in epochs."""

    epochs: int = Field(default=30, ge=1, le=1000, description="Passes over the training images.")

    def passes(self) -> int:
        """As chosen."""
        return self.epochs


class Report(Protocol):
    """How a running training speaks to the platform."""

    def log(self, line: str) -> None:
        """Add a line to the job's log."""
        ...

    def progress(self, epoch: float, epochs: int, metrics: dict[str, float] | None = None) -> None:
        """Tell how far it is; may be called several times an epoch.

        Args:
            epoch: finished epochs, with a fraction inside an epoch; never falls.
            metrics: given once an epoch, at its end: name to value (accuracy and mAP as fractions 0 to 1).
        """
        ...

    def checkpoint(self, path: Path, epoch: int) -> None:
        """Hand over a file from which `fit` can go on; to be told after the progress of that epoch.

        Args:
            path: complete, and never written again; it may be deleted any time after this call.
            epoch: finished epochs in it.
        """
        ...

    def resumed(self, epoch: int) -> None:
        """Tell that the training goes on from the workspace's checkpoint, of so many finished epochs."""
        ...

    def keepable(self) -> None:
        """Tell that from here on there is something to keep, though no epoch has ended: it may be asked to stop."""
        ...

    def stopping(self) -> bool:
        """Whether somebody wants it to end early with the best of its finished epochs; to be asked every batch."""
        ...


@dataclass(frozen=True)
class Workspace:
    """Where one training may write, and what it may read besides its dataset.

    Attributes:
        folder: the job's own, empty at the start, deleted after it.
        weights_path: folder with pretrained weights; may not exist.
        download_weights: weights that are missing may be fetched from the network.
        yolo_model: ultralytics architecture for detection, such as `yolo26n`.
        checkpoint: what an earlier attempt at the same job, on the same dataset, told its report; None to begin anew.
        checkpoint_seconds: how long to train until the next checkpoint is worth its time.
        stop_seconds: how long it may take from the wish to stop to the finished model.
    """

    folder: Path
    weights_path: Path
    download_weights: bool
    yolo_model: str
    checkpoint: Path | None = None
    checkpoint_seconds: float = math.inf
    stop_seconds: float = math.inf


@dataclass(frozen=True)
class TrainedModel:
    """What a training leaves in its workspace.

    Attributes:
        onnx_path: the one file that is served.
        weights_path: native weights, for download and resuming; none where only the file that is served is new.
        artifacts: pictures (PNG, JPEG) and tables for a person.
    """

    onnx_path: Path
    weights_path: Path | None
    card: ModelCard
    artifacts: tuple[Path, ...]


class TrainingFailed(Exception):
    """The training cannot succeed; the message tells a person who is no engineer why and what to do."""


Scorer = Callable[[Path, Callable[[float], None]], dict[str, Any]]
"""Metrics of an ONNX file, as `fit` names them on its card; the second argument is told the fraction that is done."""


class Need(str, Enum):
    """What data must have for a metric to be measured on them, in words."""

    CLASSES = "a target with classes"
    VALUES = "a target with values"
    LABELS = "a column of labels"


class Trainer(Protocol):
    """Fits models of one project type. Importing its module imports neither torch nor ultralytics.

    Snapshots and datasets are those of the kind of data that its project type has (`datasets.registry`).

    Attributes:
        METRIC: the one of its metrics that says what a model is worth, the more the better; a fraction 0 to 1 where
            there is a `scorer`.
        METRICS: all that may be asked for by name, the numbers at the top of `metrics` on its cards; each with what the
            data must have for it.
        LIGHTER: what makes a training take less memory and disk, as words behind "try".
    """

    Params: type[TrainerParams]
    METRIC: str
    METRICS: Mapping[str, Need | None]
    LIGHTER: str

    def check(self, snapshot: Any) -> list[Finding]:
        """What is missing before training may start; empty when nothing is."""
        ...

    def fit(self, dataset: Any, params: Any, workspace: Workspace, report: Report) -> TrainedModel:
        """Train, export to ONNX, score the export on `dataset.val` against the native model.

        A checkpoint that cannot be used is no reason to fail: the report gets a line, and the training begins anew.

        Raises:
            TrainingFailed: with a reason for a person.
        """
        ...

    @property
    def scorer(self) -> Callable[[Any, ModelCard, Workspace], Scorer] | None:
        """Makes, of a dataset and a model's card, what scores files of that model on `dataset.val` as `fit` does.

        None where a model has no other version that could be compared with it: there is no int8 then.
        """
        ...
