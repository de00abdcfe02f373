"""The `appended_rows` collection: rows that came by themselves, until they are part of their project's table.

A batch is one document, so it is there as a whole or not at all, and is acknowledged when it is durable. Batches of a
project are numbered without a gap in the order in which they count: each has the next number by a unique index. A table
names the last batch that is among its rows (`Table.folded`), so the insertion of a table is the moment at which batches
become part of it, and what an interruption leaves of them is known to be in it.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import timedelta

from bson import ObjectId
from pymongo.errors import DuplicateKeyError

from storage.database import Database, Document, shielded
from utils import TooManyRequests, utc_now

_TRIES = 100
_KEPT = timedelta(days=1)


@dataclass(frozen=True)
class Waiting:
    """Batches that are not in the table yet.

    Attributes:
        last: number of the last one; 0 when there is none.
        size: bytes, as they are stored.
    """

    batches: int = 0
    rows: int = 0
    size: int = 0
    last: int = 0


@dataclass(frozen=True)
class Batch:
    """Rows that came together; `content` as `datasets.tables.appending` writes it."""

    number: int
    rows: int
    content: bytes


@shielded
class Appended:
    """Batches of rows by their number in their project."""

    def __init__(self, database: Database[Document]):
        self._batches = database["appended_rows"]

    def create_indexes(self) -> None:
        self._batches.create_index([("project_id", 1), ("number", 1)], unique=True)
        # What waits is summed up from the keys alone.
        self._batches.create_index([("project_id", 1), ("number", 1), ("rows", 1), ("size", 1)])
        self._batches.create_index("key", unique=True, sparse=True)

    def add(self, project_id: ObjectId, content: bytes, rows: int, source: str, key: str | None = None) -> int:
        """Let a batch be the last of its project; gives its number.

        Args:
            source: where the rows come from, for people.
            key: of what brought them; when it is brought again within a day, nothing is added.
        """
        row: Document = {"project_id": project_id, "rows": rows, "size": len(content), "source": source}
        row["content"] = content
        if key:
            row["key"] = key
        for _ in range(_TRIES):
            row |= {"_id": ObjectId(), "number": self.last(project_id) + 1, "created_at": utc_now()}
            try:
                self._batches.insert_one(row)
                return row["number"]
            except DuplicateKeyError:
                if key and (made := self._batches.find_one({"key": key}, {"number": 1})):
                    return made["number"]
        raise TooManyRequests("too many calls append rows to this project at once: send again", retry_after_seconds=1)

    def last(self, project_id: ObjectId) -> int:
        """Number of the last batch, whether or not it is in a table; 0 for none."""
        row = self._batches.find_one({"project_id": project_id}, {"number": 1}, sort=[("number", -1)])
        return row["number"] if row else 0

    def waiting(self, project_id: ObjectId, after: int) -> Waiting:
        """What comes after a batch."""
        sums = {name: {"$sum": f"${name}"} for name in ("rows", "size")}
        stages: list[Document] = [
            {"$match": _after(project_id, after)},
            {"$group": {"_id": None, **sums, "batches": {"$sum": 1}, "last": {"$max": "$number"}}},
        ]
        for row in self._batches.aggregate(stages, hint="project_id_1_number_1_rows_1_size_1"):
            return Waiting(row["batches"], row["rows"], row["size"], row["last"])
        return Waiting()

    def read(self, project_id: ObjectId, after: int, last: int) -> Iterator[Batch]:
        """Batches after one, to the last that is wanted, in their order, one at a time."""
        while after < last:
            query = {**_after(project_id, after), "rows": {"$gt": 0}}
            row = self._batches.find_one(query, sort=[("number", 1)])
            if row is None or row["number"] > last:
                return
            after = row["number"]
            yield Batch(after, row["rows"], row["content"])

    def drop(self, project_id: ObjectId, last: int) -> None:
        """Let the rows of batches up to this one go.

        The project's last batch stays without its rows, so that no number comes twice; those that came with a key stay
        so for a day, so that what brought them may bring them again.
        """
        older: Document = {"project_id": project_id, "number": {"$lte": last}}
        empty = {"rows": 0, "size": 0, "content": b""}
        self._batches.update_many({**older, "rows": {"$gt": 0}}, {"$set": empty})
        unkeyed = {"$or": [{"key": {"$exists": False}}, {"created_at": {"$lt": utc_now() - _KEPT}}]}
        self._batches.delete_many({**older, "number": {"$lt": last}, **unkeyed})

    def delete_project(self, project_id: ObjectId) -> None:
        """Delete all batches of a project that is gone."""
        self._batches.delete_many({"project_id": project_id})

    def project_ids(self) -> list[ObjectId]:
        """Ids of all projects that have batches, whether or not they still exist."""
        return self._batches.distinct("project_id")


def _after(project_id: ObjectId, number: int) -> Document:
    return {"project_id": project_id, "number": {"$gt": number}}
