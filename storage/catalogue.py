"""The catalogue: published projects of everybody, found by words, type, class and owner.

Reads `projects`, with the names of owners and the counts of calls.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from bson import ObjectId

from storage.database import Database, Document, shielded
from storage.order import Order, Place, behind
from storage.projects import Project, project_of
from storage.served import WITHOUT_HISTORY
from storage.usage import first_day
from utils import NotFound

CALLS_DAYS = 30
BY_NEWEST = Order("published_at", descending=True)
BY_CALLS = Order("calls", descending=True)
BY_NAME = Order("name")
_WEIGHTS = {"name": 10, "classes.name": 5, "description": 2, "publication.description": 2}
# What was published before its moment was written down counts from when it was made.
_SINCE = {"$ifNull": ["$publication.published_at", "$created_at"]}


@dataclass(frozen=True)
class Entry:
    """A published project.

    Attributes:
        owner: name of a user.
        calls: of the models that answered for it in the last `CALLS_DAYS`.
        example: what a model found in the example image, as `Catalogue.keep_example` was given it.
    """

    project: Project
    owner: str
    published_at: datetime
    calls: int
    example: Document | None

    def place(self, order: Order) -> Place:
        """Where it stands in a list."""
        values: dict[str, Any] = {"published_at": self.published_at, "calls": self.calls, "name": self.project.name}
        return Place(values[order.field], self.project.id)


def _entry(row: Document) -> Entry:
    example = (row.get("publication") or {}).get("example")
    return Entry(project_of(row), row["owner"], row["published_at"], row["calls"], example)


@shielded
class Catalogue:
    """Published projects."""

    def __init__(self, database: Database[Document]):
        self._projects = database["projects"]

    def create_indexes(self) -> None:
        # Names and classes are of every language, so no words are left out and none is cut to its stem.
        self._projects.create_index(
            [(field, "text") for field in _WEIGHTS],
            name="catalogue",
            weights=_WEIGHTS,
            default_language="none",
            partialFilterExpression={"is_published": True},
        )

    def search(
        self,
        limit: int,
        order: Order = BY_NEWEST,
        after: Place | None = None,
        words: str | None = None,
        type: str | None = None,
        class_name: str | None = None,
        owner_id: ObjectId | None = None,
    ) -> list[Entry]:
        """A page of what is published.

        Args:
            words: any of which is in name, description or classes; in quotes, several that stand side by side.
            after: the place behind which to go on.
        """
        query: Document = {"is_published": True}
        given = {"type": type, "classes.name": class_name, "owner_id": owner_id}
        query |= {name: value for name, value in given.items() if value is not None}
        if words is not None:
            query["$text"] = {"$search": words}
        return list(self._found(query, limit, order, after))

    def _found(self, query: Document, limit: int, order: Order, after: Place | None) -> Iterator[Entry]:
        counted = order.field == BY_CALLS.field
        direction = -1 if order.descending else 1
        stages: list[Document] = [{"$match": query}, {"$set": {"published_at": _SINCE}}, {"$project": WITHOUT_HISTORY}]
        stages += _calls() if counted else []
        stages += [{"$match": {"$or": behind(order, after)}}] if after else []
        stages += [{"$sort": {order.field: direction, "_id": direction}}, {"$limit": limit}]
        # Whoever is not sorted by calls is counted only once it is known to be shown.
        stages += [] if counted else _calls()
        return map(_entry, self._projects.aggregate([*stages, *_OWNER]))

    def get(self, reference: str) -> Entry:
        """The published project of this id or name.

        Raises:
            NotFound: there is none.
        """
        ways: list[Document] = [{"name": reference}]
        if ObjectId.is_valid(reference):
            ways.insert(0, {"_id": ObjectId(reference)})
        for way in ways:
            for entry in self._found({**way, "is_published": True}, 1, BY_NEWEST, None):
                return entry
        raise NotFound(f"there is no published project '{reference}'")

    def keep_example(self, entry: Entry, example: Document) -> None:
        """Keep what was found in the example image, for whoever asks next."""
        query = {"_id": entry.project.id, "is_published": True}
        self._projects.update_one(query, {"$set": {"publication.example": example}})


def _calls() -> list[Document]:
    days = [{"$match": {"day": {"$gte": first_day(CALLS_DAYS)}}}, {"$project": {"calls": 1}}]
    usage = {"from": "usage", "localField": "_id", "foreignField": "project_id", "pipeline": days, "as": "usage"}
    return [{"$lookup": usage}, {"$set": {"calls": {"$sum": "$usage.calls"}}}, {"$unset": "usage"}]


_OWNER: list[Document] = [
    {
        "$lookup": {
            "from": "users",
            "localField": "owner_id",
            "foreignField": "_id",
            "pipeline": [{"$project": {"username": 1}}],
            "as": "owner",
        }
    },
    # A project whose owner is just being deleted is about to go.
    {"$match": {"owner": {"$ne": []}}},
    {"$set": {"owner": {"$first": "$owner.username"}}},
]
