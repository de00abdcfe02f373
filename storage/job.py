"""One job as the `jobs` collection keeps it, and the pieces of updates that change its state."""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import datetime
from enum import Enum
from typing import Any

from bson import ObjectId

from storage.attempts import Attempt, Checkpoint, attempt_ended
from storage.database import Document
from storage.device import Device, DeviceChoice, device_of
from storage.experiment import SentExperiment
from storage.job_record import DatasetRecord
from storage.projects import Project
from utils import NotFound, utc_now

MOST_STATES = 200
WITHOUT_BULK = {"log": 0, "history": 0, "experiment.text": 0}


class JobState(str, Enum):
    """The same words in MongoDB, Celery and JSON."""

    QUEUED = "queued"
    RUNNING = "running"
    SUCCEEDED = "succeeded"
    FAILED = "failed"
    CANCELLED = "cancelled"

    @property
    def ended(self) -> bool:
        """Whether nothing comes after it."""
        return self not in (JobState.QUEUED, JobState.RUNNING)


@dataclass(frozen=True)
class Job:
    """One training.

    Attributes:
        attempt: counts from 1; 0 while it was never started.
        attempts: every one of them, in order.
        checkpoint: what the next attempt goes on from; none once the job has ended.
        device: what it asks for.
        ran_on: the device of its newest attempt.
        epoch: finished epochs of `epochs`; of a further attempt, at first those of the checkpoint.
        progress: 0 to 1; never falls, even when an attempt goes over epochs again.
        metrics: the newest of each name; `history` has them per epoch.
        cancel_requested: somebody wants it to end; its worker will see to it.
        stop_requested: somebody wants it to end early, with the best model so far.
        stopped_after_epoch: finished epochs when it ended early for that; none when it did not.
        last_event: number of the newest event; they count from 1.
        states: the last `MOST_STATES` changes of state, each an event: `seq`, `at`, `state`, `attempt`, `reason`.
        log_lines: lines of the whole log that `storage.job_events` keeps, over all attempts; `log_bytes` likewise.
        dataset: the data of the newest attempt that had them on disk; none before.
        environment: what the newest training process said of itself: code, libraries, device.
        repeats: the job whose data, seed and params this one takes; none for a training of the project as it is.
        quantizes: the model that this job makes an int8 version of, on the data that the model was made from; none for
            a training.
        started_by: name of the user who wanted it; it counts as the project owner's, whose queue it stands in.
        dataset_version: number of the version of the dataset that it trains on; none for the project as it is.
        experiment: the document that it was started with; none when it was started otherwise.
        model_deleted: it made a model that was deleted since.
        loads: the model of MLflow that this job makes a version of, without training: `reference`, `run_id`,
            `onnx_sha256` and `card_sha256`; none for a training.
        tracking: what of the ended job MLflow has: `state`, `run_id`, `url` and `error`; none before the first try.
    """

    id: ObjectId
    project_id: ObjectId
    owner_id: ObjectId
    project_type: str
    params: dict[str, Any]
    state: JobState
    created_at: datetime
    device: DeviceChoice = DeviceChoice.ANY
    ran_on: Device | None = None
    attempt: int = 0
    attempts: tuple[Attempt, ...] = ()
    checkpoint: Checkpoint | None = None
    worker: str | None = None
    started_at: datetime | None = None
    finished_at: datetime | None = None
    epoch: int = 0
    epochs: int = 0
    progress: float = 0.0
    eta_seconds: float | None = None
    metrics: dict[str, float] = field(default_factory=dict)
    history: tuple[dict[str, Any], ...] = ()
    error: str | None = None
    pretrained: bool | None = None
    cancel_requested: bool = False
    stop_requested: bool = False
    stopped_after_epoch: int | None = None
    model_id: ObjectId | None = None
    log: tuple[str, ...] = ()
    last_event: int = 0
    states: tuple[dict[str, Any], ...] = ()
    log_lines: int = 0
    log_bytes: int = 0
    dataset: DatasetRecord | None = None
    environment: dict[str, Any] | None = None
    repeats: ObjectId | None = None
    quantizes: ObjectId | None = None
    started_by: str | None = None
    dataset_version: int | None = None
    experiment: SentExperiment | None = None
    model_deleted: bool = False
    loads: dict[str, str] | None = None
    tracking: dict[str, Any] | None = None

    @property
    def takes_recorded_data(self) -> bool:
        """Whether its data are those of an earlier job, not the project's as they are."""
        return bool(self.repeats or self.quantizes)

    @property
    def seconds_spent(self) -> float:
        """What the attempts that have ended took together."""
        return sum((a.ended_at - a.started_at).total_seconds() for a in self.attempts if a.ended_at)

    @property
    def result(self) -> ObjectId:
        """The model of a succeeded job.

        Raises:
            NotFound: it has none.
        """
        if self.model_id is None:
            raise NotFound(f"the job '{self.id}' has no model")
        return self.model_id


_CONVERTED = {
    "id", "state", "history", "log", "states", "attempts", "checkpoint", "dataset", "device", "ran_on",
    "experiment",
}  # fmt: skip
_FIELDS = set(Job.__dataclass_fields__) - _CONVERTED


def job_of(row: Document) -> Job:
    """The job that a document describes."""
    values = {name: row[name] for name in _FIELDS if name in row}
    return Job(
        id=row["_id"],
        state=JobState(row["state"]),
        history=tuple(row.get("history", ())),
        log=tuple(row.get("log", ())),
        states=tuple(row.get("states", ())),
        attempts=tuple(Attempt(**attempt) for attempt in row.get("attempts", ())),
        checkpoint=Checkpoint(**row["checkpoint"]) if row.get("checkpoint") else None,
        dataset=DatasetRecord(**row["dataset"]) if row.get("dataset") else None,
        device=DeviceChoice(row.get("device", DeviceChoice.ANY)),
        experiment=SentExperiment(**row["experiment"]) if row.get("experiment") else None,
        ran_on=device_of(row["ran_on"]) if row.get("ran_on") else None,
        **values,
    )


def held(job: Job) -> Document:
    """A query that finds a job only while this attempt owns it."""
    return {"_id": job.id, "state": JobState.RUNNING.value, "attempt": job.attempt}


def queued_job(project: Project, params: dict[str, Any], epochs: int, device: DeviceChoice) -> Document:
    """A new job, which waits."""
    now = utc_now()
    return {
        "project_id": project.id,
        "owner_id": project.owner_id,
        "project_type": project.type,
        "params": params,
        "epochs": epochs,
        "device": device.value,
        "state": JobState.QUEUED.value,
        "states": [{"seq": 1, "at": now, "state": JobState.QUEUED.value, "attempt": 0, "reason": None}],
        "active": True,
        "attempt": 0,
        "losses": 0,
        "crashes": 0,
        "created_at": now,
        "last_event": 1,
        "untold": True,
    }


def told(state: JobState, reason: str | None = None, attempt: Any = "$attempt") -> Document:
    """A change of state that is the job's next event: fields of a pipeline's `$set`."""
    number = {"$add": [{"$ifNull": ["$last_event", 0]}, 1]}
    event = {"seq": number, "at": "$$NOW", "state": state.value, "attempt": attempt, "reason": {"$literal": reason}}
    states = {"$concatArrays": [{"$ifNull": ["$states", []]}, [event]]}
    slice_of_states = {"$slice": [states, -MOST_STATES]}
    # `storage.outbox` looks for the mark.
    return {"state": state.value, "last_event": number, "states": slice_of_states, "untold": True}


def ended(state: JobState, reason: str | None = None, **fields: Any) -> list[Document]:
    """The end of a job: a pipeline that sets `fields` too, and lets go of lease and project."""
    # `storage.job_tracking` looks for the mark.
    values = {"finished_at": utc_now(), "eta_seconds": None, "error": reason, "untracked": True, **fields}
    change = {name: {"$literal": value} for name, value in values.items()}
    change["attempts"] = attempt_ended(reason)
    return [{"$set": {**change, **told(state, reason)}}, {"$unset": ["active", "lease_until", "checkpoint"]}]
