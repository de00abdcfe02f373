"""Jobs with a change of state that nobody was told of yet.

The write that changes a job's state marks the job (`storage.job.told`), so no change can be missed. The mark goes once
all changes have become deliveries, unless another has come meanwhile.
"""

from __future__ import annotations

from dataclasses import dataclass

from bson import ObjectId

from storage.database import Database, Document, shielded
from storage.job import WITHOUT_BULK, Job, job_of

_MOST = 1000


@dataclass(frozen=True)
class Untold:
    """A job with news; `changes` are those of its `states` that are still to be told."""

    job: Job
    changes: tuple[Document, ...]


@shielded
class Outbox:
    """The marks on the `jobs` collection."""

    def __init__(self, database: Database[Document]):
        self._jobs = database["jobs"]

    def create_indexes(self) -> None:
        self._jobs.create_index("untold", sparse=True)

    def untold(self) -> list[Untold]:
        """Jobs with news, at most 1,000."""
        rows = self._jobs.find({"untold": True}, WITHOUT_BULK).limit(_MOST)
        return [_untold(row) for row in rows]

    def tell(self, untold: Untold) -> None:
        """Note that these changes have become deliveries."""
        seq = max((change["seq"] for change in untold.job.states), default=0)
        no_more = {"states": {"$not": {"$elemMatch": {"seq": {"$gt": seq}}}}}
        self._jobs.update_one({"_id": untold.job.id}, {"$max": {"told_up_to": seq}})
        self._jobs.update_one({"_id": untold.job.id, **no_more}, {"$unset": {"untold": ""}})

    def marked(self, job_id: ObjectId) -> bool:
        """Whether the job still has something to tell."""
        return self._jobs.find_one({"_id": job_id, "untold": True}, {"_id": 1}) is not None


def _untold(row: Document) -> Untold:
    job, told_up_to = job_of(row), row.get("told_up_to", 0)
    return Untold(job, tuple(change for change in job.states if change["seq"] > told_up_to))
