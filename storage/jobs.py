"""The `jobs` collection: a job document with a lease is the job; queue messages only wake workers up.

States: `queued -> running -> succeeded | failed | cancelled`. Each change is one conditional update; while a job runs,
every write names the attempt it belongs to, so that what a lost worker still writes is refused.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import datetime
from enum import Enum
from typing import Any

from bson import ObjectId
from pymongo import ReturnDocument
from pymongo.errors import DuplicateKeyError

from storage.database import Database, Document, shielded
from storage.projects import Project
from utils import Conflict, NotFound, utc_now

LOG_TAIL_LINES = 200


class JobState(str, Enum):
    """The same words in MongoDB, Celery and JSON."""

    QUEUED = "queued"
    RUNNING = "running"
    SUCCEEDED = "succeeded"
    FAILED = "failed"
    CANCELLED = "cancelled"


@dataclass(frozen=True)
class Job:
    """One training.

    Attributes:
        attempt: counts from 1; 0 while it was never started.
        allowance: attempts that were broken off through no fault of the job and do not count.
        epoch: finished epochs of `epochs`.
        progress: 0 to 1.
        metrics: the newest of each name; `history` has them per epoch.
        cancel_requested: somebody wants it to end; its worker will see to it.
    """

    id: ObjectId
    project_id: ObjectId
    owner_id: ObjectId
    project_type: str
    params: dict[str, Any]
    state: JobState
    created_at: datetime
    attempt: int = 0
    allowance: int = 0
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
    model_id: ObjectId | None = None
    log: tuple[str, ...] = ()

    @property
    def result(self) -> ObjectId:
        """The model of a succeeded job.

        Raises:
            NotFound: it has none.
        """
        if self.model_id is None:
            raise NotFound(f"the job '{self.id}' has no model")
        return self.model_id


_FIELDS = set(Job.__dataclass_fields__) - {"id", "state", "history", "log"}


def _job(row: Document) -> Job:
    values = {name: row[name] for name in _FIELDS if name in row}
    return Job(
        id=row["_id"],
        state=JobState(row["state"]),
        history=tuple(row.get("history", ())),
        log=tuple(row.get("log", ())),
        **values,
    )


def _ended(state: JobState, **fields: Any) -> Document:
    return {
        "$set": {"state": state.value, "finished_at": utc_now(), "eta_seconds": None, **fields},
        "$unset": {"active": "", "lease_until": ""},
    }


@shielded
class Jobs:
    """Trainings and their leases."""

    def __init__(self, database: Database[Document], lease_seconds: int, max_attempts: int):
        self._jobs = database["jobs"]
        self._lease_ms = lease_seconds * 1000
        self._max_attempts = max_attempts

    def create_indexes(self) -> None:
        self._jobs.create_index("project_id", unique=True, partialFilterExpression={"active": True}, name="one_active")
        self._jobs.create_index([("project_id", 1), ("created_at", -1)])
        self._jobs.create_index([("state", 1), ("created_at", 1)])
        self._jobs.create_index("owner_id")

    def create(self, project: Project, params: dict[str, Any], epochs: int) -> Job:
        """Queue a training.

        Raises:
            Conflict: one of this project is queued or running.
        """
        row = {
            "project_id": project.id,
            "owner_id": project.owner_id,
            "project_type": project.type,
            "params": params,
            "epochs": epochs,
            "state": JobState.QUEUED.value,
            "active": True,
            "attempt": 0,
            "created_at": utc_now(),
        }
        try:
            self._jobs.insert_one(row)
        except DuplicateKeyError:
            raise Conflict(f"a training of '{project.name}' is queued or running: wait for it or cancel it") from None
        return _job(row)

    def get(self, job_id: ObjectId) -> Job:
        """The job of this id.

        Raises:
            NotFound: there is none.
        """
        row = self._jobs.find_one({"_id": job_id})
        if row is None:
            raise NotFound(f"there is no job '{job_id}'")
        return _job(row)

    def latest(self, project_ids: list[ObjectId]) -> dict[ObjectId, Job]:
        """The newest job of each project that has one, without logs and history."""
        rows = self._jobs.aggregate(
            [
                {"$match": {"project_id": {"$in": project_ids}}},
                {"$project": {"log": 0, "history": 0}},
                {"$sort": {"project_id": 1, "created_at": -1}},
                {"$group": {"_id": "$project_id", "job": {"$first": "$$ROOT"}}},
            ]
        )
        return {row["_id"]: _job(row["job"]) for row in rows}

    def claim(self, worker: str) -> Job | None:
        """Take the next queued job: a user with nothing running goes first, then who waits longest."""
        busy = self._jobs.distinct("owner_id", {"state": JobState.RUNNING.value})
        for query in ({"owner_id": {"$nin": busy}}, {}):
            row = self._jobs.find_one_and_update(
                {"state": JobState.QUEUED.value, **query},
                [{"$set": self._claim_fields(worker)}],
                sort=[("created_at", 1)],
                return_document=ReturnDocument.AFTER,
            )
            if row:
                return _job(row)
        return None

    def _claim_fields(self, worker: str) -> Document:
        return {
            "state": JobState.RUNNING.value,
            "worker": worker,
            "attempt": {"$add": ["$attempt", 1]},
            "started_at": {"$ifNull": ["$started_at", "$$NOW"]},
            "lease_until": {"$add": ["$$NOW", self._lease_ms]},
            "epoch": 0,
            "progress": 0.0,
            "eta_seconds": None,
            "metrics": {"$literal": {}},
            "history": [],
        }

    def beat(self, job: Job, fields: Document, history: list[Document], log: list[str]) -> Job | None:
        """Renew the lease and record news; None when this attempt no longer owns the job.

        Args:
            fields: progress fields of `Job` to set.
            history: metrics of epochs ended since the last beat.
            log: lines since the last beat.
        """
        changes: list[Document] = [{"$set": {"lease_until": {"$add": ["$$NOW", self._lease_ms]}}}]
        if fields:
            changes[0]["$set"].update({name: {"$literal": value} for name, value in fields.items()})
        if history:
            changes[0]["$set"]["history"] = {"$concatArrays": ["$history", {"$literal": history}]}
        if log:
            joined = {"$concatArrays": [{"$ifNull": ["$log", []]}, {"$literal": log}]}
            changes[0]["$set"]["log"] = {"$slice": [joined, -LOG_TAIL_LINES]}
        row = self._jobs.find_one_and_update(self._held(job), changes, return_document=ReturnDocument.AFTER)
        return _job(row) if row else None

    def _held(self, job: Job) -> Document:
        return {"_id": job.id, "state": JobState.RUNNING.value, "attempt": job.attempt}

    def succeed(self, job: Job, model_id: ObjectId) -> bool:
        """End with a model; false when this attempt no longer owns the job or a cancel came first.

        Asking again after an answer that was lost on the way gives the same.
        """
        query = {**self._held(job), "cancel_requested": {"$ne": True}}
        fields = {"model_id": model_id, "progress": 1.0, "error": None}
        if self._jobs.update_one(query, _ended(JobState.SUCCEEDED, **fields)).modified_count:
            return True
        done = {"_id": job.id, "state": JobState.SUCCEEDED.value, "model_id": model_id}
        return self._jobs.find_one(done, {"_id": 1}) is not None

    def fail(self, job: Job, reason: str) -> bool:
        """End with a reason for a person; false when this attempt no longer owns the job."""
        return bool(self._jobs.update_one(self._held(job), _ended(JobState.FAILED, error=reason)).modified_count)

    def end_cancelled(self, job: Job) -> bool:
        """End as cancelled once the training process is gone; false when this attempt no longer owns the job."""
        fields = {"error": "cancelled"}
        return bool(self._jobs.update_one(self._held(job), _ended(JobState.CANCELLED, **fields)).modified_count)

    def release(self, job: Job, reason: str, counts: bool = True) -> bool:
        """Give the job back to the queue for another try, or fail it when it had its tries.

        Args:
            reason: why, for the record.
            counts: false when the try did not fail by itself (the worker was asked to stop).
        """
        if counts and job.attempt - job.allowance >= self._max_attempts:
            return self.fail(job, f"{reason} (tried {self._max_attempts} times)")
        change: Document = {
            "$set": {"state": JobState.QUEUED.value, "error": reason, "worker": None, "eta_seconds": None},
            "$unset": {"lease_until": ""},
        }
        if not counts:
            # The number itself must never come back: it fences off late writes. The allowance is raised instead.
            change["$inc"] = {"allowance": 1}
        query = {**self._held(job), "cancel_requested": {"$ne": True}}
        return bool(self._jobs.update_one(query, change).modified_count) or self.end_cancelled(job)

    def cancel(self, job_id: ObjectId) -> None:
        """Ask for an end: a queued job ends at once, a running one when its worker sees it; an ended one stays."""
        queued = {"$eq": ["$state", JobState.QUEUED.value]}
        change = {
            "cancel_requested": True,
            "state": {"$cond": [queued, JobState.CANCELLED.value, "$state"]},
            "finished_at": {"$cond": [queued, "$$NOW", "$$REMOVE"]},
            "error": {"$cond": [queued, "cancelled", "$error"]},
            "active": {"$cond": [queued, "$$REMOVE", "$active"]},
        }
        self._jobs.update_one({"_id": job_id, "active": True}, [{"$set": change}])

    def cancel_all(self, project_id: ObjectId) -> None:
        """Cancel whatever of a project is queued or running."""
        for row in self._jobs.find({"project_id": project_id, "active": True}, {"_id": 1}):
            self.cancel(row["_id"])

    def delete_ended(self, project_id: ObjectId) -> int:
        """Delete the ended jobs of a project; gives how many are still there, waiting for their workers."""
        self._jobs.delete_many({"project_id": project_id, "active": {"$ne": True}})
        return self._jobs.count_documents({"project_id": project_id})

    def expired(self) -> Iterator[Job]:
        """Running jobs whose lease has run out by the server's clock."""
        query = {"state": JobState.RUNNING.value, "$expr": {"$lt": ["$lease_until", "$$NOW"]}}
        return map(_job, self._jobs.find(query, {"log": 0}))

    def running(self) -> Iterator[Job]:
        """Every running job."""
        return map(_job, self._jobs.find({"state": JobState.RUNNING.value}, {"log": 0, "history": 0}))

    def runs(self, job_id: ObjectId, attempt: int) -> bool:
        """Whether this attempt of the job is running."""
        query = {"_id": job_id, "state": JobState.RUNNING.value, "attempt": attempt}
        return self._jobs.find_one(query, {"_id": 1}) is not None

    def unserved(self) -> Iterator[Job]:
        """Succeeded jobs in the order of their end, for putting right a project that a crash left unpointed."""
        query = {"state": JobState.SUCCEEDED.value, "served": {"$ne": True}}
        return map(_job, self._jobs.find(query, {"log": 0}).sort("finished_at", 1))

    def mark_served(self, job_id: ObjectId) -> None:
        """Note that the job's model has been handed to its project."""
        self._jobs.update_one({"_id": job_id}, {"$set": {"served": True}})

    def succeeded_models(self, model_ids: list[ObjectId]) -> set[ObjectId]:
        """Those of the models that a succeeded job names as its result."""
        return {row["model_id"] for row in self._jobs.find({"model_id": {"$in": model_ids}}, {"model_id": 1})}

    def project_ids(self) -> list[ObjectId]:
        """Ids of all projects that have jobs, whether or not they still exist."""
        return self._jobs.distinct("project_id")
