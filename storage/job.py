"""One job as the `jobs` collection keeps it, and the pieces of updates that change its state."""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import datetime
from enum import Enum
from typing import Any

from bson import ObjectId

from storage.attempts import Attempt, Checkpoint, attempt_ended
from storage.database import Document
from utils import NotFound, utc_now

MOST_STATES = 200
WITHOUT_BULK = {"log": 0, "history": 0}


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
        epoch: finished epochs of `epochs`; of a further attempt, at first those of the checkpoint.
        progress: 0 to 1; never falls, even when an attempt goes over epochs again.
        metrics: the newest of each name; `history` has them per epoch.
        cancel_requested: somebody wants it to end; its worker will see to it.
        stop_requested: somebody wants it to end early, with the best model so far.
        stopped_after_epoch: finished epochs when it ended early for that; none when it did not.
        last_event: number of the newest event; they count from 1.
        states: the last `MOST_STATES` changes of state, each an event: `seq`, `at`, `state`, `attempt`, `reason`.
        log_lines: lines of the whole log that `storage.job_events` keeps, over all attempts; `log_bytes` likewise.
    """

    id: ObjectId
    project_id: ObjectId
    owner_id: ObjectId
    project_type: str
    params: dict[str, Any]
    state: JobState
    created_at: datetime
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


_FIELDS = set(Job.__dataclass_fields__) - {"id", "state", "history", "log", "states", "attempts", "checkpoint"}


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
        **values,
    )


def told(state: JobState, reason: str | None = None, attempt: Any = "$attempt") -> Document:
    """A change of state that is the job's next event: fields of a pipeline's `$set`."""
    number = {"$add": [{"$ifNull": ["$last_event", 0]}, 1]}
    event = {"seq": number, "at": "$$NOW", "state": state.value, "attempt": attempt, "reason": {"$literal": reason}}
    states = {"$concatArrays": [{"$ifNull": ["$states", []]}, [event]]}
    return {"state": state.value, "last_event": number, "states": {"$slice": [states, -MOST_STATES]}}


def ended(state: JobState, reason: str | None = None, **fields: Any) -> list[Document]:
    """The end of a job: a pipeline that sets `fields` too, and lets go of lease and project."""
    values = {"finished_at": utc_now(), "eta_seconds": None, "error": reason, **fields}
    change = {name: {"$literal": value} for name, value in values.items()}
    change["attempts"] = attempt_ended(reason)
    return [{"$set": {**change, **told(state, reason)}}, {"$unset": ["active", "lease_until", "checkpoint"]}]
