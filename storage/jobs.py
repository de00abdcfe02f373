"""The `jobs` collection: a job document with a lease is the job; queue messages only wake workers up.

States: `queued -> running -> succeeded | failed | cancelled`. Each change is one conditional update; while a job runs,
every write names the attempt it belongs to, so that what a lost worker still writes is refused.

What happens to a job is numbered by its document: a change of state records itself in the write that makes it, and a
heartbeat reserves numbers for the events it is about to write (`storage.job_events`). So no change can be missed, and
no stale attempt gets a number.
"""

from __future__ import annotations

from collections.abc import Iterator
from datetime import datetime
from typing import Any

from bson import ObjectId
from pymongo import ReturnDocument
from pymongo.errors import DuplicateKeyError

from storage.attempts import (
    BrokenOff,
    attempt_begun,
    attempt_ended,
    counted,
    history_before,
    tries_spent,
    with_checkpoint,
)
from storage.database import Database, Document, shielded
from storage.files import Files, StoredFile
from storage.job import Job, JobState, ended, job_of, told
from storage.job_queue import free_slot, next_turn
from storage.projects import Project
from utils import Conflict, NotFound, plural, utc_now

LOG_TAIL_LINES = 200
_WITHOUT_BULK = {"log": 0, "history": 0}


@shielded
class Jobs:
    """Trainings, their leases and their checkpoints."""

    def __init__(
        self,
        database: Database[Document],
        files: Files,
        lease_seconds: int,
        max_attempts: int,
        queued_per_user: int,
    ):
        self._jobs = database["jobs"]
        self._files = files
        self._lease_ms = lease_seconds * 1000
        self._max_attempts = max_attempts
        self._queued_per_user = queued_per_user

    def create_indexes(self) -> None:
        self._jobs.create_index("project_id", unique=True, partialFilterExpression={"active": True}, name="one_active")
        self._jobs.create_index([("project_id", 1), ("created_at", -1)])
        self._jobs.create_index([("state", 1), ("turn", 1), ("created_at", 1)])
        self._jobs.create_index([("owner_id", 1), ("created_at", -1), ("_id", -1)])
        self._jobs.create_index([("state", 1), ("finished_at", -1)])
        self._jobs.create_index("checkpoint.file_id", sparse=True)
        self._jobs.create_index(
            [("owner_id", 1), ("slot", 1)],
            unique=True,
            partialFilterExpression={"state": JobState.QUEUED.value, "slot": {"$exists": True}},
            name="one_a_slot",
        )
        self._jobs.create_index(
            [("owner_id", 1), ("in_turn", 1)],
            unique=True,
            partialFilterExpression={"state": JobState.RUNNING.value, "in_turn": True},
            name="one_in_turn",
        )

    def create(self, project: Project, params: dict[str, Any], epochs: int) -> Job:
        """Queue a training.

        Each queued job holds one of its owner's slots, so that parallel calls cannot pass the bound together. A job
        that comes back to the queue holds none.

        Raises:
            Conflict: one of this project is queued or running.
            TooManyRequests: the owner has as many queued jobs as allowed.
        """
        row: Document = {
            "project_id": project.id,
            "owner_id": project.owner_id,
            "project_type": project.type,
            "params": params,
            "epochs": epochs,
            "state": JobState.QUEUED.value,
            "active": True,
            "attempt": 0,
            "losses": 0,
            "crashes": 0,
            "created_at": utc_now(),
            "last_event": 1,
        }
        first = {"seq": 1, "at": row["created_at"], "state": JobState.QUEUED.value, "attempt": 0, "reason": None}
        row.update(states=[first], turn=next_turn(self._jobs, project.owner_id))
        while True:
            row["slot"] = free_slot(self._jobs, project.owner_id, self._queued_per_user)
            try:
                self._jobs.insert_one(row)
                return job_of(row)
            except DuplicateKeyError as error:
                if "slot" in (error.details or {}).get("keyPattern", {}):
                    continue  # another call took this slot just now: look for the next
                raise Conflict(
                    f"a training of '{project.name}' is queued or running: wait for it or cancel it"
                ) from None

    def get(self, job_id: ObjectId) -> Job:
        """The job of this id.

        Raises:
            NotFound: there is none.
        """
        return self._found(job_id, None)

    def head(self, job_id: ObjectId) -> Job:
        """As `get`, without log and history."""
        return self._found(job_id, _WITHOUT_BULK)

    def _found(self, job_id: ObjectId, projection: Document | None) -> Job:
        row = self._jobs.find_one({"_id": job_id}, projection)
        if row is None:
            raise NotFound(f"there is no job '{job_id}'")
        return job_of(row)

    def list_owned(
        self,
        owner_id: ObjectId,
        limit: int,
        before: tuple[datetime, ObjectId] | None = None,
        state: JobState | None = None,
        project_id: ObjectId | None = None,
    ) -> list[Job]:
        """A user's jobs, newest first, without logs and history.

        Args:
            before: `created_at` and id of the job after which to go on.
        """
        query: Document = {"owner_id": owner_id}
        if before:
            created_at, job_id = before
            query["$or"] = [{"created_at": {"$lt": created_at}}, {"created_at": created_at, "_id": {"$lt": job_id}}]
        if state:
            query["state"] = state.value
        if project_id:
            query["project_id"] = project_id
        rows = self._jobs.find(query, _WITHOUT_BULK).sort([("created_at", -1), ("_id", -1)]).limit(limit)
        return [job_of(row) for row in rows]

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
        return {row["_id"]: job_of(row["job"]) for row in rows}

    def claim(self, worker: str) -> Job | None:
        """Take the next queued job: a user with nothing running goes first, then whose turn it is."""
        while True:
            busy = self._jobs.distinct("owner_id", {"state": JobState.RUNNING.value})
            try:
                return self._take({"owner_id": {"$nin": busy}}, worker, True) or self._take(
                    {"owner_id": {"$in": busy}}, worker, False
                )
            except DuplicateKeyError:
                continue  # another worker took a job of the same user just now: that user is busy, look again

    def _take(self, query: Document, worker: str, in_turn: bool) -> Job | None:
        """Args: in_turn: as its owner's only running job, which an index holds against workers that look at once."""
        row = self._jobs.find_one_and_update(
            {"state": JobState.QUEUED.value, **query},
            [{"$set": {**self._claim_fields(worker), "in_turn": in_turn}}],
            sort=[("turn", 1), ("created_at", 1)],
            return_document=ReturnDocument.AFTER,
        )
        return job_of(row) if row else None

    def _claim_fields(self, worker: str) -> Document:
        attempt = {"$add": ["$attempt", 1]}
        kept = {"$ifNull": ["$checkpoint.epoch", 0]}
        return {
            **told(JobState.RUNNING, attempt=attempt),
            "slot": "$$REMOVE",
            "worker": {"$literal": worker},
            "attempt": attempt,
            "attempts": attempt_begun(attempt, worker),
            "started_at": {"$ifNull": ["$started_at", "$$NOW"]},
            "lease_until": {"$add": ["$$NOW", self._lease_ms]},
            "epoch": kept,
            "progress": {"$ifNull": ["$progress", 0.0]},
            "eta_seconds": None,
            "error": None,
            "metrics": {"$cond": [{"$gt": [kept, 0]}, "$metrics", {"$literal": {}}]},
            "history": history_before({"$add": [kept, 1]}),
        }

    def beat(self, job: Job, fields: Document, history: list[Document], log: list[str], events: int = 0) -> Job | None:
        """Renew the lease and record news; None when this attempt no longer owns the job.

        Args:
            fields: progress fields of `Job` to set.
            history: metrics of epochs ended since the last beat; what was there of the same and later epochs goes, so
                that an attempt that goes over epochs again leaves each of them once.
            log: lines since the last beat.
            events: how many numbers to reserve; the last of them is `last_event` of the job given back.
        """
        changes: list[Document] = [{"$set": {"lease_until": {"$add": ["$$NOW", self._lease_ms]}}}]
        if fields:
            changes[0]["$set"].update({name: {"$literal": value} for name, value in fields.items()})
        if events:
            changes[0]["$set"]["last_event"] = {"$add": [{"$ifNull": ["$last_event", 0]}, events]}
        if history:
            changes[0]["$set"]["history"] = {
                "$concatArrays": [history_before(history[0]["epoch"]), {"$literal": history}]
            }
        if log:
            joined = {"$concatArrays": [{"$ifNull": ["$log", []]}, {"$literal": log}]}
            changes[0]["$set"]["log"] = {"$slice": [joined, -LOG_TAIL_LINES]}
        row = self._jobs.find_one_and_update(self._held(job), changes, return_document=ReturnDocument.AFTER)
        return job_of(row) if row else None

    def _held(self, job: Job) -> Document:
        return {"_id": job.id, "state": JobState.RUNNING.value, "attempt": job.attempt}

    def checkpoint(self, job: Job, file: StoredFile, epoch: int, digest: str) -> bool:
        """Make a stored file the job's checkpoint, in place of the one before.

        False when this attempt no longer owns the job; the file is deleted then.
        """
        news = {"file_id": file.id, "sha256": file.sha256, "size": file.size, "epoch": epoch, "digest": digest}
        change = [{"$set": with_checkpoint(news)}]
        before = self._jobs.find_one_and_update(self._held(job), change, {"checkpoint": 1})
        if before is None:
            self._files.delete(file.id)
            return False
        self._delete_checkpoint(before, keep=file.id)
        return True

    def _delete_checkpoint(self, before: Document | None, keep: ObjectId | None = None) -> None:
        """Delete the file of a job as it was before, unless it is the one to keep: a step may be told twice."""
        if before and before.get("checkpoint") and before["checkpoint"]["file_id"] != keep:
            self._files.delete(before["checkpoint"]["file_id"])

    def resumed(self, job: Job, epoch: int) -> None:
        """Record that this attempt goes on from a checkpoint of so many finished epochs."""
        query = {**self._held(job), "attempts.attempt": job.attempt}
        self._jobs.update_one(query, {"$set": {"attempts.$.resumed_from_epoch": epoch}})

    def start_over(self, job: Job) -> None:
        """Forget the checkpoint: this attempt cannot go on from it."""
        forgotten: Document = {"epoch": 0, "metrics": {"$literal": {}}, "history": [], "checkpoint": "$$REMOVE"}
        self._delete_checkpoint(
            self._jobs.find_one_and_update(self._held(job), [{"$set": forgotten}], {"checkpoint": 1})
        )

    def _end(self, query: Document, end: list[Document]) -> bool:
        """End a job, then delete its checkpoint; what an interruption leaves of it the sweeper removes."""
        before = self._jobs.find_one_and_update(query, end, {"checkpoint": 1})
        self._delete_checkpoint(before)
        return before is not None

    def succeed(self, job: Job, model_id: ObjectId) -> bool:
        """End with a model; false when this attempt no longer owns the job or a cancel came first.

        Asking again after an answer that was lost on the way gives the same.
        """
        query = {**self._held(job), "cancel_requested": {"$ne": True}}
        change = ended(JobState.SUCCEEDED, model_id=model_id, progress=1.0)
        if self._end(query, change):
            return True
        done = {"_id": job.id, "state": JobState.SUCCEEDED.value, "model_id": model_id}
        return self._jobs.find_one(done, {"_id": 1}) is not None

    def fail(self, job: Job, reason: str) -> bool:
        """End with a reason for a person; false when this attempt no longer owns the job."""
        return self._end(self._held(job), ended(JobState.FAILED, reason))

    def end_cancelled(self, job: Job) -> bool:
        """End as cancelled once the training process is gone; false when this attempt no longer owns the job."""
        return self._end(self._held(job), ended(JobState.CANCELLED, "cancelled"))

    def release(self, job: Job, reason: str, cause: BrokenOff = BrokenOff.LOST) -> bool:
        """Give the job back to the queue for another try, or fail it when it had its tries.

        Tries count only since the last checkpoint that went further than any before it.

        Args:
            reason: why, for the record.
        """
        query = {**self._held(job), "cancel_requested": {"$ne": True}}
        spent = {**query, **tries_spent(cause, self._max_attempts)}
        if self._end(spent, ended(JobState.FAILED, f"{reason} (tried {plural(job.attempt, 'time')})")):
            return True
        change: Document = {
            **told(JobState.QUEUED, reason),
            "error": {"$literal": reason},
            "worker": None,
            "eta_seconds": None,
            "lease_until": "$$REMOVE",
            "attempts": attempt_ended(reason),
            **counted(cause),
        }
        return bool(self._jobs.update_one(query, [{"$set": change}]).modified_count) or self.end_cancelled(job)

    def cancel(self, job_id: ObjectId) -> None:
        """Ask for an end: a queued job ends at once, a running one when its worker sees it; an ended one stays."""
        queued = {"$eq": ["$state", JobState.QUEUED.value]}
        cancelled = told(JobState.CANCELLED, "cancelled")
        change = {
            **{name: {"$cond": [queued, value, f"${name}"]} for name, value in cancelled.items()},
            "cancel_requested": True,
            "finished_at": {"$cond": [queued, "$$NOW", "$$REMOVE"]},
            "error": {"$cond": [queued, "cancelled", "$error"]},
            "active": {"$cond": [queued, "$$REMOVE", "$active"]},
            "checkpoint": {"$cond": [queued, "$$REMOVE", "$checkpoint"]},
        }
        shown = {"checkpoint": 1, "state": 1}
        before = self._jobs.find_one_and_update({"_id": job_id, "active": True}, [{"$set": change}], shown)
        if before and before["state"] == JobState.QUEUED.value:
            self._delete_checkpoint(before)

    def cancel_all(self, project_id: ObjectId) -> None:
        """Cancel whatever of a project is queued or running."""
        for row in self._jobs.find({"project_id": project_id, "active": True}, {"_id": 1}):
            self.cancel(row["_id"])

    def delete_ended(self, project_id: ObjectId) -> int:
        """Delete the ended jobs of a project; gives how many are still there, waiting for their workers."""
        self._jobs.delete_many({"project_id": project_id, "active": {"$ne": True}})
        return self._jobs.count_documents({"project_id": project_id})

    def ids_of(self, project_id: ObjectId) -> list[ObjectId]:
        """Ids of a project's jobs."""
        return [row["_id"] for row in self._jobs.find({"project_id": project_id}, {"_id": 1})]

    def existing(self, job_ids: list[ObjectId]) -> set[ObjectId]:
        """Those of the ids that are jobs."""
        return {row["_id"] for row in self._jobs.find({"_id": {"$in": job_ids}}, {"_id": 1})}

    def expired(self) -> Iterator[Job]:
        """Running jobs whose lease has run out by the server's clock."""
        query = {"state": JobState.RUNNING.value, "$expr": {"$lt": ["$lease_until", "$$NOW"]}}
        return map(job_of, self._jobs.find(query, {"log": 0}))

    def running(self) -> Iterator[Job]:
        """Every running job."""
        return map(job_of, self._jobs.find({"state": JobState.RUNNING.value}, {"log": 0, "history": 0}))

    def runs(self, job_id: ObjectId, attempt: int) -> bool:
        """Whether this attempt of the job is running."""
        query = {"_id": job_id, "state": JobState.RUNNING.value, "attempt": attempt}
        return self._jobs.find_one(query, {"_id": 1}) is not None

    def unserved(self) -> Iterator[Job]:
        """Succeeded jobs in the order of their end, for putting right a project that a crash left unpointed."""
        query = {"state": JobState.SUCCEEDED.value, "served": {"$ne": True}}
        return map(job_of, self._jobs.find(query, {"log": 0}).sort("finished_at", 1))

    def mark_served(self, job_id: ObjectId) -> None:
        """Note that the job's model has been handed to its project."""
        self._jobs.update_one({"_id": job_id}, {"$set": {"served": True}})

    def succeeded_models(self, model_ids: list[ObjectId]) -> set[ObjectId]:
        """Those of the models that a succeeded job names as its result."""
        return {row["model_id"] for row in self._jobs.find({"model_id": {"$in": model_ids}}, {"model_id": 1})}

    def referenced(self, file_ids: list[ObjectId]) -> set[ObjectId]:
        """Those of the files that are the checkpoint of a job that has not ended."""
        rows = self._jobs.find({"active": True, "checkpoint.file_id": {"$in": file_ids}}, {"checkpoint.file_id": 1})
        return {row["checkpoint"]["file_id"] for row in rows}

    def project_ids(self) -> list[ObjectId]:
        """Ids of all projects that have jobs, whether or not they still exist."""
        return self._jobs.distinct("project_id")
