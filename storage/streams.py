"""The `streams` collection: which projects judge rows as they come, by which queues, and which worker does it now.

One worker at a time follows a stream, with a lease by the database server's clock. The lease is for order and for
peace; what makes sure that a state is never advanced twice is the number of a batch (`storage.stream_batches`).
"""

from __future__ import annotations

from collections.abc import Collection, Iterator
from dataclasses import dataclass, fields
from datetime import datetime
from typing import Any

from bson import ObjectId
from pymongo import ReturnDocument
from pymongo.errors import DuplicateKeyError

from storage.database import Database, Document, MongoCollection, shielded
from utils import Conflict, NotFound, utc_now

LEASE_SECONDS = 10.0
WORKER_SILENT_SECONDS = 8.0
PREFIX = "diyml.stream."


@dataclass(frozen=True)
class StreamWish:
    """What people decide on.

    Attributes:
        queue: that rows come by; None for one of the stream's own.
        publishes: whether judged rows go to a queue as well, beside being kept to be read.
        results_queue: which one; None for one of the stream's own.
        key: column that tells sensors apart; None for the model's own.
        id_field: field of a row that holds the id of its message, where the message has none.
    """

    enabled: bool = True
    queue: str | None = None
    publishes: bool = True
    results_queue: str | None = None
    key: str | None = None
    id_field: str | None = None


@dataclass(frozen=True)
class Stream:
    """A stream as it is stored.

    Attributes:
        results_queue: None when results are kept to be read only.
        collect_until: rows are added to the project's data until so many were, counted since the stream began.
        collected_through: number of the last batch whose rows were.
        merged: number of the last batch whose states are in `stream_states`.
        refused: collected rows that the project's data could not take.
        revision: counts what people change.
        claim: counts the leases.
        held_by: the worker that has the lease, or had the last one.
        error: what is in the way, in words; None when nothing is.
    """

    id: ObjectId
    project_id: ObjectId
    enabled: bool
    queue: str
    results_queue: str | None
    dead_queue: str
    mark_queue: str
    key: str | None
    id_field: str | None
    collect_until: int
    collected_through: int
    merged: int
    refused: int
    revision: int
    claim: int
    held_by: str | None
    error: str | None
    error_at: datetime | None
    created_at: datetime
    updated_at: datetime

    @property
    def own_queues(self) -> tuple[str, ...]:
        """All queues that nobody else has."""
        return tuple(name for name in (self.queue, self.results_queue, self.dead_queue, self.mark_queue) if name)


_FIELDS = tuple(field.name for field in fields(Stream) if field.name != "id")


def _stream(row: Document) -> Stream:
    return Stream(id=row["_id"], **{name: row.get(name) for name in _FIELDS})


def _wished(stream_id: ObjectId, wish: StreamWish) -> Document:
    queue = wish.queue or f"{PREFIX}{stream_id}"
    results = (wish.results_queue or f"{queue}.results") if wish.publishes else None
    names = {"queue": queue, "results_queue": results, "dead_queue": f"{queue}.dead", "mark_queue": f"{queue}.mark"}
    return {
        **names,
        "names": [name for name in names.values() if name],
        "enabled": wish.enabled,
        "key": wish.key,
        "id_field": wish.id_field,
    }


@shielded
class Streams:
    """At most one stream a project; those that were removed stay until a worker has deleted their queues."""

    def __init__(self, database: Database[Document]):
        self._streams: MongoCollection[Document] = database["streams"]
        self._workers: MongoCollection[Document] = database["stream_workers"]

    def create_indexes(self) -> None:
        only = {"removed": False}
        self._streams.create_index("project_id", unique=True, partialFilterExpression=only)
        # Two streams on one queue would take each other's rows, and read what is not theirs.
        self._streams.create_index("names", unique=True)
        self._workers.create_index("seen_at", expireAfterSeconds=3600)

    def of(self, project_id: ObjectId) -> Stream | None:
        """The project's stream; None when it has none."""
        row = self._streams.find_one({"project_id": project_id, "removed": False})
        return _stream(row) if row else None

    def get(self, project_id: ObjectId) -> Stream:
        """The project's stream.

        Raises:
            NotFound: it has none.
        """
        stream = self.of(project_id)
        if stream is None:
            raise NotFound("the project has no stream: make one with PUT on this project's /stream")
        return stream

    def put(self, project_id: ObjectId, wish: StreamWish, collect_until: int) -> tuple[Stream, bool]:
        """Make the project's stream, or change it; and whether it was made.

        Raises:
            Conflict: a queue is another stream's.
        """
        for _ in range(2):  # of two that make it at once, one changes it
            now = utc_now()
            found = self._streams.find_one({"project_id": project_id, "removed": False}, {"_id": 1})
            try:
                if found:
                    return self._change(found["_id"], wish, collect_until), False
                return self._make(project_id, wish, collect_until, now), True
            except DuplicateKeyError:
                if found or self.of(project_id) is None:
                    break
        raise Conflict("a queue of this name is another stream's, or one's that is being removed: choose another")

    def _make(self, project_id: ObjectId, wish: StreamWish, collect_until: int, now: datetime) -> Stream:
        stream_id = ObjectId()
        numbers = dict.fromkeys(("collected_through", "merged", "refused", "claim"), 0)
        row: Document = {
            "_id": stream_id, "project_id": project_id, "removed": False, **_wished(stream_id, wish), **numbers,
            "collect_until": collect_until, "revision": 1, "held_by": None, "error": None, "error_at": None,
            "created_at": now, "updated_at": now,
        }  # fmt: skip
        self._streams.insert_one(row)
        return _stream(row)

    def _change(self, stream_id: ObjectId, wish: StreamWish, collect_until: int) -> Stream:
        fields = {**_wished(stream_id, wish), "collect_until": collect_until, "updated_at": utc_now(), "error": None}
        row = self._streams.find_one_and_update(
            {"_id": stream_id}, {"$set": fields, "$inc": {"revision": 1}}, return_document=ReturnDocument.AFTER
        )
        if row is None:
            raise NotFound("the stream was deleted meanwhile")
        return _stream(row)

    def remove(self, project_id: ObjectId) -> Stream:
        """Take the stream away; its queues go when a worker comes by.

        Raises:
            NotFound: there is none.
        """
        change = {"$set": {"removed": True, "enabled": False}, "$inc": {"claim": 1}}
        row = self._streams.find_one_and_update({"project_id": project_id, "removed": False}, change)
        if row is None:
            raise NotFound("the project has no stream")
        return _stream(row)

    def removed(self) -> list[Stream]:
        """Streams whose queues are still there."""
        return [_stream(row) for row in self._streams.find({"removed": True}).limit(20)]

    def forget(self, stream_id: ObjectId) -> None:
        """The queues of a removed stream are deleted."""
        self._streams.delete_one({"_id": stream_id, "removed": True})

    def enabled(self) -> int:
        """How many are switched on."""
        return self._streams.count_documents({"enabled": True})

    def announce(self, worker: str) -> int:
        """A worker is there, and wants streams; gives how many are."""
        self._workers.update_one({"_id": worker}, [{"$set": {"seen_at": "$$NOW"}}], upsert=True)
        oldest = {"$subtract": ["$$NOW", round(WORKER_SILENT_SECONDS * 1000)]}
        return self._workers.count_documents({"$expr": {"$gt": ["$seen_at", oldest]}})

    def leave(self, worker: str) -> None:
        """A worker has ended."""
        self._workers.delete_one({"_id": worker})

    def holders(self) -> list[str]:
        """Workers that have, or had, a lease of a stream that is switched on."""
        return [name for name in self._streams.distinct("held_by", {"enabled": True}) if name]

    def claim(self, worker: str, gone: Collection[str] = ()) -> Stream | None:
        """Take the lease of a stream that nobody has; None when there is no such stream.

        Args:
            gone: workers that have ended without giving theirs back.
        """
        free = {"$lte": [{"$ifNull": ["$held_until", "$$NOW"]}, "$$NOW"]}
        query = {"enabled": True, "$or": [{"$expr": free}, {"held_by": {"$in": list(gone)}}]}
        change = {"claim": {"$add": ["$claim", 1]}, "held_by": worker, "held_until": _until()}
        row = self._streams.find_one_and_update(query, [{"$set": change}], return_document=ReturnDocument.AFTER)
        return _stream(row) if row else None

    def renew(self, stream: Stream) -> Stream | None:
        """Keep the lease; gives the stream as it is now, and None when it is somebody else's or switched off."""
        query = {"_id": stream.id, "claim": stream.claim, "enabled": True}
        row = self._streams.find_one_and_update(
            query, [{"$set": {"held_until": _until()}}], return_document=ReturnDocument.AFTER
        )
        return _stream(row) if row else None

    def release(self, stream: Stream) -> None:
        """Give the lease back."""
        change = {"$set": {"held_by": None}, "$unset": {"held_until": ""}}
        self._streams.update_one({"_id": stream.id, "claim": stream.claim}, change)

    def note_error(self, stream: Stream, error: str | None) -> None:
        """Say what is in the way, or that nothing is any more."""
        change = {"error": error, "error_at": utc_now() if error else None}
        self._streams.update_one({"_id": stream.id, "error": {"$ne": error}}, {"$set": change})

    def advance(self, stream_id: ObjectId, refused: int = 0, **numbers: int) -> None:
        """Move `merged` or `collected_through` on; never back."""
        change: dict[str, Any] = {"$max": numbers}
        self._streams.update_one({"_id": stream_id}, {**change, "$inc": {"refused": refused}} if refused else change)

    def project_ids(self) -> Iterator[ObjectId]:
        """Projects that have a stream, whether or not they still exist."""
        return iter(self._streams.distinct("project_id", {"removed": False}))


def _until() -> Document:
    return {"$add": ["$$NOW", round(LEASE_SECONDS * 1000)]}
