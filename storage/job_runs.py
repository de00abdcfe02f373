"""The `jobs` collection: what workers do with trainings, from the claim to the one end.

While a job runs, every write names the attempt it belongs to, so that what a lost worker still writes is refused.
"""

from __future__ import annotations

from collections.abc import Iterator

from bson import ObjectId
from pymongo import ReturnDocument
from pymongo.errors import DuplicateKeyError

from storage.attempts import (
    BrokenOff,
    attempt_begun,
    attempt_ended,
    counted,
    delete_checkpoint,
    history_before,
    tries_spent,
    with_checkpoint,
)
from storage.database import Database, Document, shielded
from storage.device import A_CPU, Device, DeviceChoice
from storage.files import Files, StoredFile
from storage.job import Job, JobState, ended, held, job_of, told
from storage.job_queue import turn_field
from utils import plural

LOG_TAIL_LINES = 200


@shielded
class JobRuns:
    """Leases of running jobs, their news, their checkpoints and their ends."""

    def __init__(self, database: Database[Document], files: Files, lease_seconds: int, max_attempts: int):
        self._jobs = database["jobs"]
        self._files = files
        self._lease_ms = lease_seconds * 1000
        self._max_attempts = max_attempts

    def claim(self, worker: str, device: Device = A_CPU) -> Job | None:
        """Take the next queued job that may run on the device.

        A user with nothing running on this kind of device goes first, then whose turn it is.
        """
        # Jobs of an earlier version ask for nothing, and run on who knows what.
        here = {"state": JobState.RUNNING.value, "ran_on.kind": {"$in": [device.kind.value, None]}}
        while True:
            busy = self._jobs.distinct("owner_id", here)
            try:
                return self._take({"owner_id": {"$nin": busy}}, worker, device, True) or self._take(
                    {"owner_id": {"$in": busy}}, worker, device, False
                )
            except DuplicateKeyError:
                continue  # another worker took a job of the same user just now: that user is busy, look again

    def _take(self, query: Document, worker: str, device: Device, in_turn: bool) -> Job | None:
        """Take a job.

        Args:
            in_turn: as its owner's only running job on this kind of device, which an index holds against workers that
                look at once.
        """
        choices = [choice.value for choice in DeviceChoice.served_by(device.kind)]
        row = self._jobs.find_one_and_update(
            {"state": JobState.QUEUED.value, "device": {"$in": [*choices, None]}, **query},
            [{"$set": {**self._claim_fields(worker, device), "in_turn": device.kind.value if in_turn else None}}],
            sort=[(turn_field(device.kind), 1), ("created_at", 1)],
            return_document=ReturnDocument.AFTER,
        )
        return job_of(row) if row else None

    def _claim_fields(self, worker: str, device: Device) -> Document:
        attempt = {"$add": ["$attempt", 1]}
        kept = {"$ifNull": ["$checkpoint.epoch", 0]}
        return {
            **told(JobState.RUNNING, attempt=attempt),
            "slot": "$$REMOVE",
            "worker": {"$literal": worker},
            "ran_on": {"$literal": device.to_row()},
            "attempt": attempt,
            "attempts": attempt_begun(attempt, worker),
            "started_at": {"$ifNull": ["$started_at", "$$NOW"]},
            "lease_until": {"$add": ["$$NOW", self._lease_ms]},
            "epoch": kept,
            "progress": {"$ifNull": ["$progress", 0.0]},
            "eta_seconds": None,
            "keepable": "$$REMOVE",
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
        return held(job)

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
        delete_checkpoint(self._files, before, keep=file.id)
        return True

    def resumed(self, job: Job, epoch: int) -> None:
        """Record that this attempt goes on from a checkpoint of so many finished epochs."""
        query = {**self._held(job), "attempts.attempt": job.attempt}
        self._jobs.update_one(query, {"$set": {"attempts.$.resumed_from_epoch": epoch}})

    def start_over(self, job: Job) -> None:
        """Forget the checkpoint: this attempt cannot go on from it."""
        forgotten: Document = {"epoch": 0, "metrics": {"$literal": {}}, "history": [], "checkpoint": "$$REMOVE"}
        delete_checkpoint(
            self._files, self._jobs.find_one_and_update(self._held(job), [{"$set": forgotten}], {"checkpoint": 1})
        )

    def _end(self, query: Document, end: list[Document]) -> bool:
        """End a job, then delete its checkpoint; what an interruption leaves of it the sweeper removes."""
        before = self._jobs.find_one_and_update(query, end, {"checkpoint": 1})
        delete_checkpoint(self._files, before)
        return before is not None

    def succeed(self, job: Job, model_id: ObjectId, stopped_after_epoch: int | None = None) -> bool:
        """End with a model; false when this attempt no longer owns the job or a cancel came first.

        Asking again after an answer that was lost on the way gives the same.

        Args:
            stopped_after_epoch: finished epochs when it was stopped early; none when it was not.
        """
        query = {**self._held(job), "cancel_requested": {"$ne": True}}
        early = stopped_after_epoch is not None
        reason = f"stopped early, after epoch {stopped_after_epoch} of {job.epochs}" if early else None
        fields = {"model_id": model_id, "progress": 1.0, "stopped_after_epoch": stopped_after_epoch, "error": None}
        change = ended(JobState.SUCCEEDED, reason, **fields)
        if self._end(query, change):
            return True
        done = {"_id": job.id, "state": JobState.SUCCEEDED.value, "model_id": model_id}
        return self._jobs.find_one(done, {"_id": 1}) is not None

    def fail(self, job: Job, reason: str) -> bool:
        """End with a reason for a person; false when this attempt no longer owns the job."""
        return self._end(self._held(job), ended(JobState.FAILED, reason))

    def end_cancelled(self, job: Job, reason: str = "cancelled") -> bool:
        """End as cancelled once the training process is gone; false when this attempt no longer owns the job."""
        return self._end(self._held(job), ended(JobState.CANCELLED, reason))

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
