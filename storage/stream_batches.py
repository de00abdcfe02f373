"""The `stream_batches` collection: what a stream has judged, in order, as one document a batch.

A batch's document holds its answers and the states that they led to, so either both are there or neither is. Its
number is unique in its stream: of two workers that judge at once, one is refused. The last batches answer messages
that come again, and are what results are read from; older ones go.
"""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import dataclass, field, fields
from datetime import datetime
from typing import Any

from bson import Binary, ObjectId
from pymongo import WriteConcern
from pymongo.errors import DuplicateKeyError

from storage.database import Database, Document, shielded
from utils import ChangedMeanwhile, utc_now

KEPT_ROWS = 100_000
ID_BYTES = 8
_PAGE = 200


@dataclass(frozen=True)
class Counts:
    """Since the stream began; `messages` are those that were judged or refused, each once."""

    messages: int = 0
    rows: int = 0
    anomalies: int = 0
    duplicates: int = 0
    dead: int = 0
    collected: int = 0

    def plus(self, **more: int) -> Counts:
        """With more of each."""
        return Counts(**{item.name: getattr(self, item.name) + more.get(item.name, 0) for item in fields(Counts)})


@dataclass(frozen=True)
class Batch:
    """One batch.

    Attributes:
        number: 1 is the stream's first.
        ids: 8 bytes a message, of its id.
        answers: one a message, as JSON without line breaks.
        states: by key, after these rows.
        counts: of the stream, this batch included.
        collect: rows to be added to the project's data.
    """

    stream_id: ObjectId
    project_id: ObjectId
    number: int
    ids: bytes
    answers: tuple[str, ...]
    states: dict[str, bytes]
    counts: Counts
    collect: tuple[dict[str, Any], ...] = ()
    at: datetime = field(default_factory=utc_now)


def _batch(row: Document) -> Batch:
    return Batch(
        stream_id=row["stream_id"],
        project_id=row["project_id"],
        number=row["number"],
        ids=bytes(row["ids"]),
        answers=tuple(row["answers"].decode().split("\n")) if row["answers"] else (),
        states={key: bytes(state) for key, state in row["states"]},
        counts=Counts(**row["counts"]),
        collect=tuple(json.loads(row["collect"])) if row.get("collect") else (),
        at=row["at"],
    )


@shielded
class StreamBatches:
    """Batches by stream."""

    def __init__(self, database: Database[Document]):
        self._batches = database["stream_batches"]
        self._unhurried = self._batches.with_options(write_concern=WriteConcern(1))

    def create_indexes(self) -> None:
        self._batches.create_index([("stream_id", 1), ("number", 1)], unique=True)
        self._batches.create_index("project_id")

    def append(self, batch: Batch, waits: bool = True) -> None:
        """Write a batch down; from then on it counts.

        Args:
            waits: until it is in the journal; not needed by who makes something else last in the same database next.

        Raises:
            ChangedMeanwhile: another worker has written one of this number.
        """
        row: Document = {
            "stream_id": batch.stream_id,
            "project_id": batch.project_id,
            "number": batch.number,
            "ids": Binary(batch.ids),
            "answers": Binary("\n".join(batch.answers).encode()),
            "states": [[key, Binary(state)] for key, state in batch.states.items()],
            "counts": vars(batch.counts),
            "at": batch.at,
        }
        if batch.collect:
            row["collect"] = json.dumps(batch.collect)
        try:
            (self._batches if waits else self._unhurried).insert_one(row)
        except DuplicateKeyError:
            raise ChangedMeanwhile("another worker follows this stream") from None

    def recount(self, stream_id: ObjectId, number: int, counts: Counts) -> None:
        """Have a batch say other counts, since messages have come of which it holds nothing."""
        self._batches.update_one({"stream_id": stream_id, "number": number}, {"$set": {"counts": vars(counts)}})

    def last(self, stream_id: ObjectId) -> Batch | None:
        """The newest."""
        row = self._batches.find_one({"stream_id": stream_id}, sort=[("number", -1)])
        return _batch(row) if row else None

    def get(self, stream_id: ObjectId, numbers: list[int]) -> list[Batch]:
        """Those of these numbers that are there, in order."""
        query = {"stream_id": stream_id, "number": {"$in": numbers}}
        return [_batch(row) for row in self._batches.find(query).sort("number", 1)]

    def after(self, stream_id: ObjectId, number: int, limit: int = _PAGE) -> list[Batch]:
        """The batches that follow one, in order."""
        query = {"stream_id": stream_id, "number": {"$gt": number}}
        return [_batch(row) for row in self._batches.find(query).sort("number", 1).limit(limit)]

    def to_collect(self, stream_id: ObjectId, number: int, limit: int = 20) -> list[Batch]:
        """Batches after one, with rows to be added to the project's data."""
        query = {"stream_id": stream_id, "number": {"$gt": number}, "collect": {"$exists": True}}
        return [_batch(row) for row in self._batches.find(query).sort("number", 1).limit(limit)]

    def known(self, stream_id: ObjectId) -> Iterator[tuple[int, int, bytes]]:
        """Number, rows up to there, and ids of the batches that are kept, the oldest first."""
        shown = {"number": 1, "ids": 1, "counts.rows": 1}
        for row in self._batches.find({"stream_id": stream_id}, shown).sort("number", 1):
            yield row["number"], row["counts"]["rows"], bytes(row["ids"])

    def prune(self, stream_id: ObjectId, before: int) -> None:
        """Delete those of lower numbers."""
        self._batches.delete_many({"stream_id": stream_id, "number": {"$lt": before}})

    def delete_stream(self, stream_id: ObjectId) -> None:
        """Delete all of a stream."""
        self._batches.delete_many({"stream_id": stream_id})

    def delete_project(self, project_id: ObjectId) -> None:
        """Delete all of a project."""
        self._batches.delete_many({"project_id": project_id})

    def project_ids(self) -> list[ObjectId]:
        """Projects that have any, whether or not they still exist."""
        return self._batches.distinct("project_id")
