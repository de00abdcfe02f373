"""The `stream_letters` collection: messages of streams that could not be judged, with the reason."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime

from bson import ObjectId
from pymongo import UpdateOne

from storage.database import Database, Document, shielded
from storage.order import NEWEST_FIRST, Place, ordered
from utils import NotFound, utc_now

MOST_KEPT = 10_000


@dataclass(frozen=True)
class Letter:
    """A message that could not be judged.

    Attributes:
        message_id: None when it had none.
        body: as it came, as text.
        number: of the batch in which it was refused; `place` in it.
    """

    id: ObjectId
    project_id: ObjectId
    message_id: str | None
    reason: str
    body: str
    number: int
    place: int
    created_at: datetime


def _letter(row: Document) -> Letter:
    names = ("project_id", "message_id", "reason", "body", "number", "place", "created_at")
    return Letter(id=row["_id"], **{name: row[name] for name in names})


@shielded
class StreamLetters:
    """Letters by stream."""

    def __init__(self, database: Database[Document]):
        self._letters = database["stream_letters"]

    def create_indexes(self) -> None:
        self._letters.create_index([("stream_id", 1), ("number", 1), ("place", 1)], unique=True)
        self._letters.create_index([("project_id", 1), ("created_at", -1), ("_id", -1)])

    def add(self, stream_id: ObjectId, project_id: ObjectId, number: int, letters: dict[int, Document]) -> None:
        """Keep the letters of a batch, by their place in it; done again, they are kept once.

        Args:
            letters: `message_id`, `reason` and `body` of each.
        """
        now = utc_now()
        writes = [
            UpdateOne(
                {"stream_id": stream_id, "number": number, "place": place},
                {"$setOnInsert": {"project_id": project_id, **letter, "created_at": now}},
                upsert=True,
            )
            for place, letter in letters.items()
        ]
        self._letters.bulk_write(writes, ordered=False)

    def prune(self, stream_id: ObjectId) -> None:
        """Delete the oldest when there are too many."""
        newest = self._letters.find({"stream_id": stream_id}, {"number": 1}).sort([("number", -1), ("place", -1)])
        for row in newest.skip(MOST_KEPT).limit(1):
            self._letters.delete_many({"stream_id": stream_id, "number": {"$lte": row["number"]}})

    def list_of(self, project_id: ObjectId, limit: int, after: Place | None) -> Iterator[Letter]:
        """A page, the newest first."""
        return map(_letter, ordered(self._letters, {"project_id": project_id}, limit, NEWEST_FIRST, after))

    def get(self, project_id: ObjectId, letter_id: ObjectId) -> Letter:
        """One letter.

        Raises:
            NotFound: there is no such letter.
        """
        row = self._letters.find_one({"_id": letter_id, "project_id": project_id})
        if row is None:
            raise NotFound(f"there is no dead letter '{letter_id}' in this project")
        return _letter(row)

    def delete(self, letter: Letter) -> None:
        """Delete one."""
        self._letters.delete_one({"_id": letter.id})

    def delete_project(self, project_id: ObjectId) -> None:
        """Delete all of a project."""
        self._letters.delete_many({"project_id": project_id})

    def project_ids(self) -> list[ObjectId]:
        """Projects that have any, whether or not they still exist."""
        return self._letters.distinct("project_id")
