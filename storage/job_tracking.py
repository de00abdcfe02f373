"""Ended jobs of which MLflow has not everything yet.

The write that ends a job marks it (`storage.job.ended`), so that none can be missed. Whoever claims one logs it, under
a lease by the database server's clock; the mark goes once all of it is logged, or can never be. Where no MLflow is
connected the marks stay, and the first one that is gets those jobs too.
"""

from __future__ import annotations

from enum import Enum

from bson import ObjectId
from pymongo import ReturnDocument

from storage.database import Database, Document, shielded
from storage.job import Job, job_of


class TrackingState(str, Enum):
    """What has become of a job in MLflow."""

    WAITING = "waiting"
    LOGGED = "logged"
    FAILED = "failed"


def _passed(field: str) -> Document:
    return {"$lte": [{"$ifNull": [f"$tracking.{field}", "$$NOW"]}, "$$NOW"]}


@shielded
class JobTracking:
    """The marks on the `jobs` collection, and who logs a job now."""

    def __init__(self, database: Database[Document]):
        self._jobs = database["jobs"]
        self._models = database["models"]

    def create_indexes(self) -> None:
        self._jobs.create_index("finished_at", partialFilterExpression={"untracked": True}, name="untracked")

    def claim(self, lease_seconds: float) -> Job | None:
        """Take the job that ended first of those that are due, until it is given back or the lease is over."""
        change = {
            "tracking.claim": {"$add": [{"$ifNull": ["$tracking.claim", 0]}, 1]},
            "tracking.state": {"$ifNull": ["$tracking.state", TrackingState.WAITING.value]},
            "tracking.held_until": {"$add": ["$$NOW", round(lease_seconds * 1000)]},
        }
        row = self._jobs.find_one_and_update(
            {"untracked": True, "$expr": {"$and": [_passed("held_until"), _passed("due_at")]}},
            [{"$set": change}],
            {"log": 0},
            sort=[("finished_at", 1)],
            return_document=ReturnDocument.AFTER,
        )
        return job_of(row) if row else None

    def renew(self, job: Job, lease_seconds: float) -> bool:
        """Hold it for longer; false when somebody else has it by now, or it is gone."""
        held = {"tracking.held_until": {"$add": ["$$NOW", round(lease_seconds * 1000)]}}
        return self._jobs.update_one(_claimed(job), [{"$set": held}]).matched_count == 1

    def note(self, job: Job, run_id: str, url: str) -> None:
        """Record the run that the job has, as soon as it has one."""
        self._jobs.update_one(_claimed(job), {"$set": {"tracking.run_id": run_id, "tracking.url": url}})

    def register(self, model_id: ObjectId, name: str, version: str) -> None:
        """Record what a model is in MLflow's registry."""
        self._models.update_one({"_id": model_id}, {"$set": {"registered": {"name": name, "version": version}}})

    def leave(self, job: Job, error: str | None) -> None:
        """Give it back; it stays the next.

        Args:
            error: what kept it from being logged.
        """
        change = {"$set": {"tracking.error": error}, "$unset": {"tracking.held_until": ""}}
        self._jobs.update_one(_claimed(job), change)

    def postpone(self, job: Job, error: str, wait_seconds: float) -> None:
        """Give it back, and let others go first for some time; these times are counted as `refusals`."""
        fields = {
            "tracking.error": {"$literal": error},
            "tracking.held_until": "$$REMOVE",
            "tracking.due_at": {"$add": ["$$NOW", round(wait_seconds * 1000)]},
            "tracking.refusals": {"$add": [{"$ifNull": ["$tracking.refusals", 0]}, 1]},
        }
        self._jobs.update_one(_claimed(job), [{"$set": fields}])

    def end(self, job: Job, state: TrackingState, error: str | None = None) -> bool:
        """Nothing of it is left to log; false when somebody else has it by now."""
        fields = {"tracking.state": state.value, "tracking.error": error}
        gone = {"untracked": "", "tracking.held_until": "", "tracking.due_at": ""}
        return self._jobs.update_one(_claimed(job), {"$set": fields, "$unset": gone}).matched_count == 1


def _claimed(job: Job) -> Document:
    return {"_id": job.id, "untracked": True, "tracking.claim": (job.tracking or {}).get("claim")}
