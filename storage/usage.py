"""The `usage` collection: how often each model was called on a day, and how long that took.

One document a model and day (UTC), made of counters only, so that any number of processes add to it. A day is forgotten
after `KEPT_DAYS`.
"""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass, field
from datetime import date, datetime, time, timedelta, timezone

from bson import ObjectId
from pymongo import WriteConcern
from pymongo.errors import DuplicateKeyError

from storage.database import Database, Document, shielded
from storage.latencies import percentile_seconds
from utils import utc_now

KEPT_DAYS = 400
_DAY_SECONDS = 24 * 3600


@dataclass
class Calls:
    """Calls of a model in some time.

    Attributes:
        count: all calls, those that failed among them.
        errors: how many failed, by the code of the error.
        latencies: of those that did not fail: how many fell into each bucket of `storage.latencies`.
    """

    count: int = 0
    errors: Counter[str] = field(default_factory=Counter)
    latencies: Counter[int] = field(default_factory=Counter)

    def add(self, other: Calls) -> None:
        """Count others in."""
        self.count += other.count
        self.errors.update(other.errors)
        self.latencies.update(other.latencies)

    def percentile_seconds(self, fraction: float) -> float | None:
        """The duration that this part of the calls does not exceed; None when none was answered."""
        return percentile_seconds(self.latencies, fraction)


@shielded
class Usage:
    """Usage of all models."""

    def __init__(self, database: Database[Document]):
        # Nobody was told of these numbers: a journaled write for each would cost more than the moment that a killed
        # database may forget.
        self._usage = database["usage"].with_options(write_concern=WriteConcern(w=1, j=False))

    def create_indexes(self) -> None:
        self._usage.create_index([("model_id", 1), ("day", 1)], unique=True)
        self._usage.create_index("project_id")
        self._usage.create_index("day", expireAfterSeconds=KEPT_DAYS * _DAY_SECONDS)

    def add(self, project_id: ObjectId, model_id: ObjectId, day: date, calls: Calls) -> None:
        """Add calls to a day of a model; one write.

        When the answer to it gets lost, whoever adds them again counts them twice.
        """
        counters = {"calls": calls.count}
        counters |= {f"errors.{code}": count for code, count in calls.errors.items()}
        counters |= {f"latencies.{bucket}": count for bucket, count in calls.latencies.items()}
        change = {"$inc": counters, "$setOnInsert": {"project_id": project_id}}
        query = {"model_id": model_id, "day": _start_of(day)}
        try:
            self._usage.update_one(query, change, upsert=True)
        except DuplicateKeyError:  # two first writes of a day at once: the other made the document
            self._usage.update_one(query, change)

    def by_day(self, model_id: ObjectId, days: int) -> dict[date, Calls]:
        """Calls of each of the last days on which there were any, newest first; today is one of the days."""
        rows = self._usage.find({"model_id": model_id, "day": {"$gte": first_day(days)}}).sort("day", -1)
        return {row["day"].date(): _calls(row) for row in rows}

    def delete_project(self, project_id: ObjectId) -> None:
        """Delete what is known of a project's models."""
        self._usage.delete_many({"project_id": project_id})

    def delete_models(self, model_ids: set[ObjectId]) -> None:
        """Delete what is known of the models."""
        self._usage.delete_many({"model_id": {"$in": list(model_ids)}})

    def project_ids(self) -> list[ObjectId]:
        """Ids of all projects whose models were called, whether or not they still exist."""
        return self._usage.distinct("project_id")

    def model_ids(self) -> list[ObjectId]:
        """Ids of all models that were called, whether or not they still exist."""
        return self._usage.distinct("model_id")


def first_day(days: int) -> datetime:
    """The start of the first of so many days, of which today is the last."""
    return _start_of(utc_now().date() - timedelta(days=days - 1))


def _start_of(day: date) -> datetime:
    return datetime.combine(day, time(), timezone.utc)


def _calls(row: Document) -> Calls:
    latencies = {int(bucket): count for bucket, count in row.get("latencies", {}).items()}
    return Calls(row["calls"], Counter(row.get("errors", {})), Counter(latencies))
