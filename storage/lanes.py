"""Lanes: one receiver of notifications each, and who may send to it now.

A lane is a few fields of a `webhooks` or `mailboxes` document. Whoever claims it may send one delivery; so a receiver
gets one at a time, and one that does not answer holds up nobody else. All times are the database server's.
"""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import dataclass
from datetime import datetime

from bson import ObjectId
from pymongo import ReturnDocument

from storage.database import Document, MongoCollection, shielded

NEW_LANE: Document = {"claim": 0, "woken": 0, "failures": 0}
_SHOWN = {"owner_id": 1, "claim": 1, "woken": 1, "failures": 1}


@dataclass(frozen=True)
class Lane:
    """A claimed lane.

    Attributes:
        claim: counts the claims; what is written under an older one is refused.
        failures: tries in a row in which the receiver was not there.
        woken: counts how often there was something new to send.
    """

    id: ObjectId
    owner_id: ObjectId
    claim: int
    woken: int
    failures: int


def _passed(field: str) -> Document:
    return {"$lte": [{"$ifNull": [f"${field}", "$$NOW"]}, "$$NOW"]}


@shielded
class Lanes:
    """The lanes of one collection.

    Args:
        usable: what a document must have besides, to be sent to.
    """

    def __init__(self, collection: MongoCollection[Document], usable: Document | None = None):
        self._lanes = collection
        self._usable = usable or {}

    def create_indexes(self) -> None:
        self._lanes.create_index("due_at", partialFilterExpression={"due_at": {"$exists": True}}, name="due")

    def wake(self, lane_id: ObjectId, resume: bool = False) -> None:
        """There is something to send.

        Args:
            resume: try even a receiver that failed just now.
        """
        change: Document = {
            "due_at": {"$min": [{"$ifNull": ["$due_at", "$$NOW"]}, "$$NOW"]},
            "woken": {"$add": ["$woken", 1]},
        }
        if resume:
            change |= {"paused_until": "$$REMOVE"}
        self._lanes.update_one({"_id": lane_id}, [{"$set": change}])

    def claim(
        self, lease_seconds: float, busy_owners: Collection[ObjectId] = (), in_good_standing: bool = False
    ) -> Lane | None:
        """Take the lane that has waited longest, until it is released or the lease is over.

        Args:
            busy_owners: whose lanes to leave out.
            in_good_standing: only one whose last try found its receiver there.
        """
        query: Document = {
            **self._usable,
            "due_at": {"$exists": True},
            "owner_id": {"$nin": list(busy_owners)},
            "$expr": {"$and": [_passed("due_at"), _passed("held_until"), _passed("paused_until")]},
        }
        if in_good_standing:
            query["failures"] = 0
        held: Document = {"$add": ["$$NOW", round(lease_seconds * 1000)]}
        row = self._lanes.find_one_and_update(
            query,
            [{"$set": {"claim": {"$add": ["$claim", 1]}, "held_until": held}}],
            _SHOWN,
            sort=[("due_at", 1)],
            return_document=ReturnDocument.AFTER,
        )
        return Lane(row["_id"], row["owner_id"], row["claim"], row["woken"], row["failures"]) if row else None

    def release(self, lane: Lane, next_due: datetime | None, failures: int, pause_seconds: float = 0) -> None:
        """Give a lane back; it then stands behind those that wait already.

        Args:
            next_due: when there is something to send again, as was known after the claim; None when there is nothing.
            pause_seconds: how long to send nothing, whatever is due.
        """
        due: Document | str = {"$max": [next_due, "$$NOW"]} if next_due else "$$REMOVE"
        paused: Document | str = {"$add": ["$$NOW", round(pause_seconds * 1000)]} if pause_seconds else "$$REMOVE"
        change = {
            # Woken since the claim, there may be more than `next_due` knows.
            "due_at": {"$cond": [{"$eq": ["$woken", lane.woken]}, due, "$$NOW"]},
            "failures": failures,
            "held_until": "$$REMOVE",
            "paused_until": paused,
        }
        self._lanes.update_one({"_id": lane.id, "claim": lane.claim}, [{"$set": change}])
