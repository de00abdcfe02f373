"""In which order a list is read, and where a page of it begins. One mechanism for all lists."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

from bson import ObjectId

from storage.database import Document, MongoCollection


@dataclass(frozen=True)
class Order:
    """By a field of the documents, then by id, so that each document has a place of its own."""

    field: str
    descending: bool = False

    @property
    def name(self) -> str:
        """As clients write it: `name`, and `-name` the other way round."""
        return f"-{self.field}" if self.descending else self.field

    @classmethod
    def named(cls, name: str) -> Order:
        """The order that a client names."""
        return cls(name.removeprefix("-"), name.startswith("-"))


@dataclass(frozen=True)
class Place:
    """Where one document stands in an order: its value of the field, None when it has none, and its id."""

    value: Any
    id: ObjectId


NEWEST_FIRST = Order("created_at", descending=True)


def ordered(
    collection: MongoCollection[Document],
    query: Document,
    limit: int,
    order: Order = NEWEST_FIRST,
    after: Place | None = None,
    projection: Document | None = None,
) -> Iterator[Document]:
    """A page of the documents that match.

    Args:
        after: the place behind which to go on.
    """
    direction = -1 if order.descending else 1
    if after:
        query = {"$and": [query, {"$or": behind(order, after)}]}
    return iter(collection.find(query, projection).sort([(order.field, direction), ("_id", direction)]).limit(limit))


def behind(order: Order, place: Place) -> list[Document]:
    """What follows a place; documents without the field come first, and last in a descending order, as MongoDB sorts.

    The value may come from a client: it is compared as a value, whatever it holds.
    """
    further = "$lt" if order.descending else "$gt"
    ways: list[Document] = [{order.field: {"$eq": place.value}, "_id": {further: place.id}}]
    if place.value is not None:
        ways.append({order.field: {further: place.value}})
        if order.descending:
            ways.append({order.field: None})
    elif not order.descending:
        ways.append({order.field: {"$ne": None}})
    return ways
