"""What answers about jobs hold."""

from __future__ import annotations

from datetime import datetime
from typing import Annotated, Any

from pydantic import ConfigDict, Field

from api.operation import Shown
from api.v1.model_answers import Quantization
from storage.device import DeviceChoice, DeviceKind
from storage.job import JobState
from storage.job_tracking import TrackingState

Fraction = Annotated[float, Field(ge=0, le=1)]


class RanOn(Shown):
    """The device that a job ran on."""

    kind: DeviceKind
    name: str


class Tracking(Shown):
    """What MLflow has of an ended job."""

    state: TrackingState
    run_id: Annotated[str | None, Field(description="Null before MLflow has given one.")]
    url: Annotated[str | None, Field(description="Where MLflow shows the run.")]
    error: Annotated[str | None, Field(description="What keeps it from being logged.")]


class JobDataset(Shown):
    """The data that a job is about."""

    digest: Annotated[str | None, Field(description="SHA-256; null until they are on a worker's disk.")]
    version: Annotated[int | None, Field(description="Of the dataset; null for the project as it was.")]


class ExperimentNamed(Shown):
    """The document that a job was started with."""

    name: str
    sha256: Annotated[str, Field(description="Of the document as it was sent.")]
    source: Annotated[str, Field(description="What the sender knew the data by; empty when it said nothing.")]
    url: Annotated[str, Field(description="Where the document is.")]


class JobInList(Shown):
    """A job without its log and the metrics of every epoch."""

    job_id: str
    state: JobState
    epoch: Annotated[int, Field(ge=0, description="Finished epochs.")]
    epochs: int
    progress: Fraction
    eta_seconds: float | None
    metrics: Annotated[dict[str, float | None], Field(description="The newest of each name.")]
    error: str | None
    pretrained: bool | None
    project_name: str | None
    params: dict[str, Any]
    device: DeviceChoice
    ran_on: RanOn | None
    attempt: int
    created_at: datetime
    started_at: datetime | None
    finished_at: datetime | None
    cancel_requested: bool
    stop_requested: bool
    stopped_after_epoch: int | None
    model_url: str | None
    repeats: str | None
    quantizes: str | None
    loads: Annotated[str | None, Field(description="The model of MLflow that it makes a version of.")]
    tracking: Annotated[Tracking | None, Field(description="Null as long as no MLflow has been told.")]
    record_url: str
    started_by: Annotated[str | None, Field(description="Name of the user; null of older jobs.")]
    dataset: JobDataset | None
    experiment: ExperimentNamed | None


class AttemptShown(Shown):
    """One try at a job."""

    attempt: int
    started_at: datetime
    ended_at: datetime | None
    ended_by: str | None
    resumed_from_epoch: int
    epoch: int


class QueuePlace(Shown):
    """Where a job waits; `expected_start` is an estimate, null when it cannot be known."""

    position: int
    expected_start: datetime | None
    reason: str | None


class MetricDifference(Shown):
    """One metric of a training and of its repetition."""

    name: str
    before: float | None
    now: float | None
    difference: float | None


class ConditionDifference(Shown):
    """Something that may explain why a repetition differs."""

    name: str
    before: Any
    now: Any


class Difference(Shown):
    """How a repetition differs from the training that it repeats."""

    summary: str
    metrics: list[MetricDifference]
    identical_files: dict[str, bool]
    conditions: list[ConditionDifference]


class WholeJob(JobInList):
    """A job with everything; `queue` while it waits."""

    attempts: list[AttemptShown]
    queue: QueuePlace | None
    history: Annotated[list[dict[str, Any]], Field(description="The metrics of every epoch.")]
    log: Annotated[list[str], Field(description="The last lines.")]
    difference: Difference | None


class EpochMetrics(Shown):
    """What was measured at the end of one epoch, by name."""

    model_config = ConfigDict(extra="allow")

    epoch: int


class RecordedDataset(Shown):
    """The data of a training."""

    digest: Annotated[str, Field(description="SHA-256 over classes, images and labels.")]
    unit: Annotated[str, Field(description="What data of this kind are counted by: `image`, `row`.")]
    trained_on: Annotated[int, Field(ge=0, description="Of that unit.")]
    held_back: Annotated[int, Field(ge=0, description="Validated on, and not trained on.")]
    train_images: Annotated[int, Field(description="As `trained_on`, by its older name.")]
    val_images: Annotated[int, Field(description="As `held_back`, by its older name.")]
    url: str


class RecordedModel(Shown):
    """The model of a training, as its record tells it."""

    version: int
    architecture: str | None
    params: dict[str, Any] | None
    pretrained: bool | None
    pretrained_sha256: str | None
    determinism: dict[str, Any] | None
    metrics: dict[str, Any] | None
    metrics_on: str | None
    precision: str
    quantization: Quantization | None
    files: Annotated[dict[str, str], Field(description="SHA-256 by name.")]


class JobRecordShown(Shown):
    """What a training was made from and in; null for what is not known yet."""

    job_id: str
    repeats: str | None
    quantizes: str | None
    project_type: str
    params: dict[str, Any]
    seed: int | None
    dataset: RecordedDataset | None
    environment: dict[str, Any] | None
    model: RecordedModel | None
    difference: Difference | None


class DeviceShown(Shown):
    """What workers have to train on, by kind."""

    kind: DeviceKind
    count: int
    free: int
    names: list[str]
