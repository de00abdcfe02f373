"""The `prediction_jobs` collection: files of rows on their way through a published model, and what came of them.

A prediction job is kept as an import is (`storage.imports`): its file comes in pieces, a worker claims it with a lease.
It belongs to whoever asked for it, who need not be a member of the project. What came of it is its `report`.
"""

from __future__ import annotations

from collections.abc import Iterator
from datetime import timedelta
from typing import Any

from bson import ObjectId

from storage.database import Database, Document, every, shielded
from storage.files import Files
from storage.import_record import WITHOUT_LISTS, Import, ImportState, import_of
from storage.imports import Imports
from storage.order import Place
from utils import TooManyRequests, plural, utc_now

MOST_KEPT = 20
_ENDED = [state.value for state in ImportState if state.ended]
_FULL_RETRY_SECONDS = 60


@shielded
class PredictionJobs(Imports):
    """Prediction jobs, with the bytes that came for them and what was predicted.

    Args:
        keep_hours: how long one that has ended is kept, with its result.
    """

    COLLECTION, NOUN, REPORT = "prediction_jobs", "prediction job", "result"
    MOST_OPEN, KEEP_HOURS = 3, 0.0

    def __init__(
        self, database: Database[Document], uploads: Files, artifacts: Files, upload_hours: float, keep_hours: float
    ):
        super().__init__(database, uploads, artifacts, upload_hours)
        self._keep_time = timedelta(hours=keep_hours)

    def create_indexes(self) -> None:
        super().create_indexes()
        self._imports.create_index([("owner_id", 1), ("created_at", -1), ("_id", -1)])
        self._imports.create_index([("state", 1), ("finished_at", 1)])

    def create(
        self,
        project_id: ObjectId,
        owner_id: ObjectId,
        size: int,
        filename: str,
        options: dict[str, Any],
        request_key: str | None = None,
    ) -> Import:
        """As `Imports.create`.

        Raises:
            TooManyRequests: likewise, or so many of the user are kept.
        """
        kept = self._imports.count_documents({"owner_id": owner_id}, limit=MOST_KEPT)
        if kept >= MOST_KEPT:
            raise TooManyRequests(
                f"you have {plural(MOST_KEPT, self.NOUN)}, which is the most that are kept: delete one that you do "
                "not need any more",
                retry_after_seconds=_FULL_RETRY_SECONDS,
            )
        return super().create(project_id, owner_id, size, filename, options, request_key)

    def list_of_owner(self, owner_id: ObjectId, limit: int, after: Place | None = None) -> list[Import]:
        """Those of a user, newest first.

        Args:
            after: the place behind which to go on.
        """
        return self._listed({"owner_id": owner_id}, limit, after)

    def kept_until(self, record: Import) -> Any:
        """When an ended one goes with its result; None while it has not ended."""
        return record.finished_at + self._keep_time if record.finished_at else None

    def expire(self) -> int:
        """Delete what has ended long ago; gives how many."""
        due = {"state": {"$in": _ENDED}, "finished_at": {"$lt": utc_now() - self._keep_time}}
        ids = [row["_id"] for row in self._imports.find(due, {"_id": 1})]
        for job_id in ids:
            self.delete(job_id)
        return len(ids)

    def tidy(self) -> None:
        """See `Imports.tidy`."""
        super().tidy()
        self.expire()

    def untold(self) -> Iterator[Import]:
        """Ended ones that name a webhook, which was not told yet."""
        query = {"state": {"$in": _ENDED}, "options.webhook_id": {"$type": "objectId"}, "told": {"$ne": True}}
        return map(import_of, every(self._imports, query, WITHOUT_LISTS))

    def note_told(self, job_id: ObjectId) -> None:
        """The message to its webhook is on its way."""
        self._imports.update_one({"_id": job_id}, {"$set": {"told": True}})

    def owner_ids(self) -> list[ObjectId]:
        """Ids of all who have any, whether or not they still exist."""
        return self._imports.distinct("owner_id")

    def delete_owner(self, owner_id: ObjectId) -> None:
        """Delete all of a user."""
        for row in list(self._imports.find({"owner_id": owner_id}, {"_id": 1})):
            self.delete(row["_id"])
