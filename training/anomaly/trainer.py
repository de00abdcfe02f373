"""Trains detectors of anomalies; scikit-learn and torch are imported only while a training runs."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from enum import Enum
from typing import Any

from pydantic import Field, model_validator

from datasets.findings import Finding
from inference.protocol import ModelCard
from training.anomaly.detectors.registry import AUTO, DETECTORS
from training.anomaly.thresholds import ThresholdMethod
from training.parameters import check_choice
from training.protocol import Need, Report, Scorer, TrainedModel, TrainerParams, TrainingFailed, Workspace


class TrainOn(str, Enum):
    """Which training rows are learned from."""

    NORMAL = "normal"
    MIXED = "mixed"


class AnomalyParams(TrainerParams):
    """Hyper-parameters of a detector of anomalies."""

    train_split: float = Field(default=0.9, ge=0.3, le=0.95, description="Fraction of each series to train on.")
    detector: str = Field(
        default=AUTO, description="`auto` tries several and hears all that are good; else the name of one detector."
    )
    parameters: dict[str, Any] = Field(
        default={}, description="Of the detector, by name; those that are left out have their defaults."
    )
    window: int = Field(default=16, ge=1, le=512, description="Rows that are looked at together, the newest last.")
    smoothing: float = Field(
        default=0.3, gt=0.0, le=1.0, description="Weight of the newest row in the score's moving mean; 1 is none."
    )
    false_alarm_rate: float = Field(
        default=0.02, ge=1e-6, le=0.2, description="Part of normal rows that may be called anomalies."
    )
    threshold: ThresholdMethod = Field(
        default=ThresholdMethod.QUANTILE,
        description="`quantile` of held-back scores, or their `extreme_value` distribution for rare alarms.",
    )
    release: float = Field(
        default=0.7, ge=0.1, le=1.0, description="An alarm lasts until the score is below this part of the threshold."
    )
    ceiling: float = Field(
        default=10.0, ge=1.0, le=1_000.0, description="A row's score counts for at most so many thresholds."
    )
    drift_rows: int = Field(
        default=400,
        ge=0,
        le=1_000_000,
        description="Rows in which the score's usual level follows slow drift; 0: never.",
    )
    train_on: TrainOn = Field(
        default=TrainOn.NORMAL,
        description="`normal`: rows labelled anomalous are left out; `mixed`: some are in the data, without labels.",
    )
    epochs: int = Field(default=30, ge=1, le=1_000, description="Passes of the autoencoder over its windows.")
    time_budget_seconds: int = Field(
        default=60, ge=5, le=86_400, description="After so long `auto` begins no further detector."
    )

    def passes(self) -> int:
        """Epochs where the detector learns in epochs."""
        return self.epochs if self.detector in DETECTORS and DETECTORS[self.detector].IN_EPOCHS else 1

    @model_validator(mode="after")
    def _known(self) -> AnomalyParams:
        check_choice("detector", self.detector, self.parameters, DETECTORS, AUTO)
        least = 1 if self.detector == AUTO else DETECTORS[self.detector].SMALLEST_WINDOW
        if self.window < least:
            raise ValueError(f"window: {self.detector} needs at least {least} rows, got {self.window}")
        return self


class AnomalyTrainer:
    """Fits a model that says of each row of a series how odd it is."""

    Params: type[TrainerParams] = AnomalyParams
    METRIC = "score"
    METRICS: Mapping[str, Need | None] = {
        **dict.fromkeys(("score", "false_alarm_rate", "rows")),
        **dict.fromkeys(("f1", "precision", "recall", "roc_auc", "missing_alarm_rate"), Need.LABELS),
        **dict.fromkeys(("range_precision", "range_recall", "range_f1"), Need.LABELS),
        **dict.fromkeys(("events", "events_detected", "detection_delay_rows"), Need.LABELS),
    }
    LIGHTER = "a smaller `window`, fewer sensors or fewer rows"
    # The file is the smallest form already: there is nothing to make an int8 version of.
    scorer: Callable[[Any, ModelCard, Workspace], Scorer] | None = None

    def check(self, snapshot: Any) -> list[Finding]:
        """Nothing more than any training on series needs, which their kind of data looks after."""
        return []

    def fit(self, dataset: Any, params: Any, workspace: Workspace, report: Report) -> TrainedModel:
        """Learn normal operation, export, and judge the validation rows with the export.

        Args:
            dataset: a `datasets.series.schema.SeriesDataset`.

        Raises:
            TrainingFailed: nothing can be learned, out of memory, or an export that does not agree.
        """
        from training.anomaly.run import AnomalyRun

        try:
            return AnomalyRun(dataset, params, workspace, report).fit()
        except MemoryError as error:
            raise TrainingFailed(f"out of memory: try {self.LIGHTER}") from error
