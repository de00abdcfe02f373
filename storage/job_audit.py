"""The `jobs` collection: documents that contradict themselves, and putting them right."""

from __future__ import annotations

from collections.abc import Iterator

from bson import ObjectId
from pymongo.errors import DuplicateKeyError

from storage.attempts import delete_checkpoint
from storage.database import Database, Document, every, shielded
from storage.files import Files
from storage.job import WITHOUT_BULK, Job, JobState, job_of

_ENDED = {"$in": [state.value for state in JobState if state.ended]}
_NOT_ENDED = {"$in": [state.value for state in JobState if not state.ended]}


@shielded
class JobAudit:
    """What no sequence of steps leads to, and a damaged or edited store may hold all the same."""

    def __init__(self, database: Database[Document], files: Files):
        self._jobs = database["jobs"]
        self._files = files

    def holding(self) -> Iterator[Job]:
        """Ended jobs that still keep their project from being trained, hold a lease or have a checkpoint."""
        held: list[Document] = [{name: {"$exists": True}} for name in ("active", "lease_until", "checkpoint")]
        return self._found({"state": _ENDED, "$or": held})

    def not_holding(self) -> Iterator[Job]:
        """Queued and running jobs that do not keep their project from being trained a second time."""
        return self._found({"state": _NOT_ENDED, "active": {"$ne": True}})

    def succeeded(self) -> Iterator[Job]:
        """Every job that has succeeded."""
        return self._found({"state": JobState.SUCCEEDED.value})

    def _found(self, query: Document) -> Iterator[Job]:
        return map(job_of, every(self._jobs, query, WITHOUT_BULK))

    def count(self, *states: JobState) -> int:
        """How many jobs are in these states."""
        return self._jobs.count_documents({"state": {"$in": [state.value for state in states]}})

    def let_go(self, job_id: ObjectId) -> bool:
        """Take from an ended job what it may hold no longer; false when it was put right meanwhile."""
        change = {"$unset": dict.fromkeys(("active", "lease_until", "checkpoint"), 1)}
        before = self._jobs.find_one_and_update({"_id": job_id, "state": _ENDED}, change, {"checkpoint": 1})
        delete_checkpoint(self._files, before)
        return before is not None

    def hold(self, job_id: ObjectId) -> bool:
        """Let a job that has not ended keep its project; false when another job does."""
        try:
            query = {"_id": job_id, "state": _NOT_ENDED}
            return bool(self._jobs.update_one(query, {"$set": {"active": True}}).matched_count)
        except DuplicateKeyError:
            return False

    def forget_checkpoint(self, job_id: ObjectId, file_id: ObjectId) -> None:
        """Let the next attempt begin anew, unless the job has another checkpoint by now."""
        self._jobs.update_one({"_id": job_id, "checkpoint.file_id": file_id}, {"$unset": {"checkpoint": 1}})
        self._files.delete(file_id)
