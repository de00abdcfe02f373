"""The `imports` collection: what workers do with imports, from the claim to the one end.

While an import runs, every write names its attempt, so that what a lost process still writes is refused.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from bson import ObjectId
from pymongo import ReturnDocument

from storage.database import Database, Document, shielded
from storage.files import Files, StoredFile
from storage.import_record import WITHOUT_LISTS, Import, ImportState, ended, held, import_of
from storage.imports import Imports
from utils import plural

MOST_FOUND = 5000


@shielded
class ImportRuns:
    """Leases of running imports, how far they are, and their ends. All times are the database server's.

    Args:
        kind: of what is run.
    """

    def __init__(
        self,
        database: Database[Document],
        artifacts: Files,
        lease_seconds: int,
        max_attempts: int,
        kind: type[Imports] = Imports,
    ):
        self._imports = database[kind.COLLECTION]
        self._keep_hours = kind.KEEP_HOURS
        self._artifacts = artifacts
        self._lease_ms = lease_seconds * 1000
        self._max_attempts = max_attempts

    def queued(self) -> int:
        """How many wait."""
        return self._imports.count_documents({"state": ImportState.QUEUED.value})

    def claim(self, worker: str) -> Import | None:
        """Take the next queued import: of the user with the fewest running, then of whose last one began first."""
        for owner_id in self._turns():
            row = self._imports.find_one_and_update(
                {"state": ImportState.QUEUED.value, "owner_id": owner_id},
                [{"$set": self._claimed(worker)}],
                WITHOUT_LISTS,
                sort=[("queued_at", 1)],
                return_document=ReturnDocument.AFTER,
            )
            if row:
                return import_of(row)
        return None

    def _turns(self) -> list[ObjectId]:
        waiting = self._imports.distinct("owner_id", {"state": ImportState.QUEUED.value})
        is_running = {"$cond": [{"$eq": ["$state", ImportState.RUNNING.value]}, 1, 0]}
        waits_since = {"$cond": [{"$eq": ["$state", ImportState.QUEUED.value]}, "$queued_at", None]}
        rows = self._imports.aggregate(
            [
                {"$match": {"owner_id": {"$in": waiting}}},
                {
                    "$group": {
                        "_id": "$owner_id",
                        "running": {"$sum": is_running},
                        "last": {"$max": "$started_at"},
                        "waits_since": {"$min": waits_since},
                    }
                },
                {"$sort": {"running": 1, "last": 1, "waits_since": 1}},
            ]
        )
        return [row["_id"] for row in rows]

    def _claimed(self, worker: str) -> Document:
        return {
            "state": ImportState.RUNNING.value,
            "worker": {"$literal": worker},
            "attempt": {"$add": ["$attempt", 1]},
            "started_at": "$$NOW",
            "updated_at": "$$NOW",
            "lease_until": {"$add": ["$$NOW", self._lease_ms]},
            "error": None,
        }

    def beat(self, record: Import) -> Import | None:
        """Renew the lease; None when this attempt no longer owns the import."""
        change = [{"$set": {"lease_until": {"$add": ["$$NOW", self._lease_ms]}}}]
        after = ReturnDocument.AFTER
        row = self._imports.find_one_and_update(held(record), change, WITHOUT_LISTS, return_document=after)
        return import_of(row) if row else None

    def note(self, record: Import, fields: Mapping[str, Any]) -> bool:
        """Set fields of `Import`; false when this attempt no longer owns the import."""
        return bool(self._imports.update_one(held(record), {"$set": dict(fields)}).matched_count)

    def advance(self, record: Import, fields: Mapping[str, Any], found: list[Document]) -> bool:
        """Record how far it is, with what was found wrong on the way, in one step; false as `note`.

        Args:
            fields: `done`, `counts` and what else has moved on.
            found: findings about images; past `MOST_FOUND` they are dropped, as `counts` tells how many failed.
        """
        change: Document = {"$set": dict(fields)}
        if found:
            change["$push"] = {"found": {"$each": found, "$slice": MOST_FOUND}}
        return bool(self._imports.update_one(held(record), change).matched_count)

    def found(self, record: Import) -> list[Document]:
        """What `advance` recorded, in order."""
        row = self._imports.find_one({"_id": record.id}, {"found": 1})
        return list(row["found"]) if row else []

    def end(
        self,
        record: Import,
        state: ImportState,
        error: str | None,
        report: StoredFile | None,
        fields: Mapping[str, Any],
    ) -> bool:
        """End it; false when this attempt no longer owns it, and then its report is deleted.

        What was imported needs its bytes no more; anything else may be tried again for a day.
        """
        is_done = state is ImportState.SUCCEEDED and not record.options.get("dry_run")
        change: Document = {
            **ended(state, error, 0 if is_done else self._keep_hours),
            **{name: {"$literal": value} for name, value in fields.items()},
            "found": [],
        }
        if state is ImportState.SUCCEEDED:
            change["progress"] = 1.0
        if report:
            change["report"] = {"file_id": report.id, "sha256": report.sha256, "size": report.size}
        before = self._imports.find_one_and_update(held(record), [{"$set": change}], {"report": 1})
        if before is None and report:
            self._artifacts.delete(report.id)
        return before is not None

    def release(self, record: Import, reason: str, counts: bool = True) -> bool:
        """Give it back to the queue for another try, or fail it when it had its tries.

        Args:
            counts: whether this try counts; that of a worker that was asked to stop does not.
        """
        query = {**held(record), "cancel_requested": {"$ne": True}}
        if counts:
            spent = {**query, "losses": {"$gte": self._max_attempts - 1}}
            error = f"{reason} (tried {plural(record.attempt, 'time')})"
            change = [{"$set": ended(ImportState.FAILED, error, self._keep_hours)}]
            if self._imports.update_one(spent, change).modified_count:
                return True
        change_back: Document = {
            "state": ImportState.QUEUED.value,
            "error": {"$literal": reason},
            "losses": {"$add": ["$losses", 1 if counts else 0]},
            "updated_at": "$$NOW",
            "worker": "$$REMOVE",
            "lease_until": "$$REMOVE",
        }
        if self._imports.update_one(query, [{"$set": change_back}]).modified_count:
            return True
        cancelled = [{"$set": ended(ImportState.CANCELLED, "cancelled", self._keep_hours)}]
        return bool(self._imports.update_one(held(record), cancelled).modified_count)

    def expired(self) -> Iterator[Import]:
        """Running imports whose lease has run out."""
        query = {"state": ImportState.RUNNING.value, "$expr": {"$lt": ["$lease_until", "$$NOW"]}}
        return map(import_of, self._imports.find(query, WITHOUT_LISTS))

    def running(self) -> Iterator[Import]:
        """Every running import."""
        return map(import_of, self._imports.find({"state": ImportState.RUNNING.value}, WITHOUT_LISTS))
