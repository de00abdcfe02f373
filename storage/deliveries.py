"""The `deliveries` collection: what is to be told to whom, what was, and what could not be.

A delivery belongs to a lane (`storage.lanes`): a webhook, or a user's mailbox. Only who holds the lane takes and ends
its deliveries, and names its claim with each write, so that what a sender writes after it lost the lane is refused.
"""

from __future__ import annotations

import hashlib
from collections.abc import Collection
from contextlib import suppress
from dataclasses import dataclass
from datetime import datetime, timedelta
from enum import Enum

from bson import ObjectId
from pymongo import ReturnDocument
from pymongo.errors import DuplicateKeyError

from storage.database import Database, Document, shielded
from storage.lanes import Lane
from storage.order import Place, ordered
from utils import Conflict, NotFound, utc_now

KEPT = timedelta(days=30)
_DUE: Document = {"$expr": {"$lte": ["$due_at", "$$NOW"]}}


class DeliveryState(str, Enum):
    """What has become of a delivery."""

    WAITING = "waiting"
    DELIVERED = "delivered"
    FAILED = "failed"


@dataclass(frozen=True)
class Delivery:
    """One message to one receiver.

    Attributes:
        job_id: whose change of state it tells; `seq` is that change's number. None for other messages.
        incident_id: likewise of an incident.
        with_picture: whether that incident's picture goes with it.
        group: what it has in common with others that one message may tell of as well; None where it goes by itself.
        tries: how often it was sent, or begun to be.
        due_at: when it is tried next, while it waits.
        status: what came of the last try, in words.
    """

    id: ObjectId
    lane_id: ObjectId
    owner_id: ObjectId
    type: str
    body: str
    state: DeliveryState
    created_at: datetime
    due_at: datetime
    project_id: ObjectId | None = None
    job_id: ObjectId | None = None
    incident_id: ObjectId | None = None
    with_picture: bool = False
    group: ObjectId | None = None
    seq: int = 0
    tries: int = 0
    tried_at: datetime | None = None
    status: str | None = None

    @property
    def message_id(self) -> str:
        """The same over all tries, so that a receiver knows what it has had already."""
        return f"msg_{self.id}"


_FIELDS = set(Delivery.__dataclass_fields__) - {"id", "state"}


def _delivery(row: Document) -> Delivery:
    return Delivery(
        id=row["_id"],
        state=DeliveryState(row["state"]),
        **{name: row[name] for name in _FIELDS if name in row},
    )


def _told_of(job_id: ObjectId | None, incident_id: ObjectId | None) -> Document:
    """What a message and those that go in order with it have in common; nothing where it goes by itself."""
    return {"job_id": job_id} if job_id else {"incident_id": incident_id} if incident_id else {}


def delivery_id(lane_id: ObjectId, told_of: ObjectId, seq: int) -> ObjectId:
    """The one id that a change of a job or an incident has for a receiver: however often told, it is recorded once."""
    return ObjectId(hashlib.sha256(f"{lane_id} {told_of} {seq}".encode()).digest()[:12])


@shielded
class Deliveries:
    """Messages on their way, and ended ones for 30 days."""

    def __init__(self, database: Database[Document]):
        self._deliveries = database["deliveries"]

    def create_indexes(self) -> None:
        self._deliveries.create_index([("lane_id", 1), ("state", 1), ("due_at", 1)])
        self._deliveries.create_index([("lane_id", 1), ("job_id", 1), ("seq", 1)])
        self._deliveries.create_index([("lane_id", 1), ("incident_id", 1), ("seq", 1)])
        self._deliveries.create_index([("lane_id", 1), ("created_at", -1), ("_id", -1)])
        only: Document = {"group": {"$exists": True}}
        in_group = [("lane_id", 1), ("group", 1), ("type", 1), ("tried_at", -1)]
        self._deliveries.create_index(in_group, partialFilterExpression=only)
        self._deliveries.create_index("sent_with", sparse=True)
        self._deliveries.create_index("project_id")
        self._deliveries.create_index("created_at", expireAfterSeconds=int(KEPT.total_seconds()))

    def add(
        self,
        lane_id: ObjectId,
        owner_id: ObjectId,
        type: str,
        body: str,
        project_id: ObjectId | None = None,
        job_id: ObjectId | None = None,
        seq: int = 0,
        incident_id: ObjectId | None = None,
        with_picture: bool = False,
        group: ObjectId | None = None,
        apart_seconds: float = 0.0,
    ) -> ObjectId:
        """Record something to tell; a change that is recorded already stays as it is.

        Args:
            group: whatever waits of the same lane, group and type goes in one message.
            apart_seconds: how long after the last message of its group the next one may go.
        """
        now = utc_now()
        told_of = job_id or incident_id
        id = delivery_id(lane_id, told_of, seq) if told_of else ObjectId()
        row: Document = {"_id": id, "lane_id": lane_id, "owner_id": owner_id, "type": type, "body": body}
        row |= {"project_id": project_id, "job_id": job_id, "seq": seq, "created_at": now, "due_at": now}
        row |= {"incident_id": incident_id, "with_picture": with_picture} if incident_id else {}
        if group:
            row |= {
                "group": group,
                "due_at": self._due_in_group({"lane_id": lane_id, "group": group, "type": type}, apart_seconds),
            }
        with suppress(DuplicateKeyError):  # told before, by a worker that was lost or is at it now
            self._deliveries.insert_one({**row, "state": DeliveryState.WAITING.value, "tries": 0})
        return id

    def get(self, lane_id: ObjectId, id: ObjectId) -> Delivery:
        """A delivery of the lane.

        Raises:
            NotFound: it has none of this id.
        """
        row = self._deliveries.find_one({"_id": id, "lane_id": lane_id})
        if row is None:
            raise NotFound(f"there is no delivery '{id}'")
        return _delivery(row)

    def list_of(
        self,
        lane_id: ObjectId,
        limit: int,
        after: Place | None = None,
        state: DeliveryState | None = None,
    ) -> list[Delivery]:
        """A lane's deliveries, newest first.

        Args:
            after: the place behind which to go on.
        """
        query: Document = {"lane_id": lane_id, **({"state": state.value} if state else {})}
        return [_delivery(row) for row in ordered(self._deliveries, query, limit, after=after)]

    def take(self, lane: Lane) -> Delivery | None:
        """The next that is due, counted as tried; None when nothing is.

        Those of one job or incident go in order: a later one waits until the earlier is delivered or given up.
        """
        waiting = {"lane_id": lane.id, "state": DeliveryState.WAITING.value}
        change: list[Document] = [
            {"$set": {"tries": {"$add": ["$tries", 1]}, "tried_at": "$$NOW", "claim": lane.claim}}
        ]
        shown = {"job_id": 1, "incident_id": 1, "due_at": 1}
        while row := self._deliveries.find_one({**waiting, **_DUE}, shown, sort=[("due_at", 1)]):
            first = row
            if told_of := _told_of(row["job_id"], row.get("incident_id")):
                first = self._deliveries.find_one({**waiting, **told_of}, shown, sort=[("seq", 1)]) or row
            taken = self._deliveries.find_one_and_update(
                {"_id": first["_id"], **waiting, **_DUE}, change, return_document=ReturnDocument.AFTER
            )
            if taken:
                return self._with_its_group(lane, _delivery(taken))
            self._deliveries.update_one({"_id": row["_id"], **waiting}, {"$max": {"due_at": first["due_at"]}})
        return None

    def _due_in_group(self, group: Document, apart_seconds: float) -> datetime:
        tried = self._deliveries.find_one({**group, "tried_at": {"$exists": True}}, sort=[("tried_at", -1)])
        now = utc_now()
        return max(now, tried["tried_at"] + timedelta(seconds=apart_seconds)) if tried else now

    def _with_its_group(self, lane: Lane, first: Delivery) -> Delivery:
        """Let what waits of the group share the fate of its first delivery, but no end before its beginning."""
        if first.group:
            waiting = {"lane_id": lane.id, "group": first.group, "state": DeliveryState.WAITING.value}
            earlier = self._deliveries.distinct("incident_id", {**waiting, "seq": {"$lt": first.seq}})
            others = {"type": first.type, "_id": {"$ne": first.id}, "incident_id": {"$nin": earlier}}
            # Any of them may be the first the next time, and goes on from there.
            tries: Document = {"$max": ["$tries", first.tries]}
            change: Document = {"claim": lane.claim, "sent_with": first.id, "tried_at": "$$NOW", "tries": tries}
            self._deliveries.update_many({**waiting, **others}, [{"$set": change}])
        return first

    def sent_with(self, first: Delivery, limit: int) -> tuple[list[Delivery], int]:
        """Those that go with a delivery that was taken, the oldest first and not too many, and how many they are."""
        query = {"sent_with": first.id, "state": DeliveryState.WAITING.value}
        rows = self._deliveries.find(query).sort([("created_at", 1), ("_id", 1)]).limit(limit)
        return [_delivery(row) for row in rows], self._deliveries.count_documents(query)

    def next_due(self, lane_id: ObjectId) -> datetime | None:
        """When something of the lane is due; None when nothing waits."""
        waiting = {"lane_id": lane_id, "state": DeliveryState.WAITING.value}
        row = self._deliveries.find_one(waiting, {"due_at": 1}, sort=[("due_at", 1)])
        return row["due_at"] if row else None

    def end(self, lane: Lane, delivery: Delivery, state: DeliveryState, status: str) -> None:
        """End a delivery; what waited behind it is due now."""
        change = {"state": state.value, "status": status}
        ended = self._deliveries.update_many(self._taken(lane, delivery), {"$set": change}).modified_count
        if ended and (told_of := _told_of(delivery.job_id, delivery.incident_id)):
            self._due_now({"lane_id": lane.id, **told_of})

    def postpone(self, lane: Lane, delivery: Delivery, seconds: float, status: str) -> None:
        """Try it again after so many seconds."""
        later: Document = {"$add": ["$$NOW", round(seconds * 1000)]}
        change = {"due_at": later, "status": {"$literal": status}}
        self._deliveries.update_many(self._taken(lane, delivery), [{"$set": change}])

    def _taken(self, lane: Lane, delivery: Delivery) -> Document:
        """The delivery, and those that go with it."""
        which: Document = (
            {"$or": [{"_id": delivery.id}, {"sent_with": delivery.id}]} if delivery.group else {"_id": delivery.id}
        )
        return {**which, "state": DeliveryState.WAITING.value, "claim": lane.claim}

    def due_now(self, lane_id: ObjectId) -> None:
        """Whatever waits in the lane is due now: its receiver is there again, or another one."""
        self._due_now({"lane_id": lane_id})

    def _due_now(self, query: Document) -> None:
        waiting = {**query, "state": DeliveryState.WAITING.value}
        self._deliveries.update_many(waiting, [{"$set": {"due_at": {"$min": ["$due_at", "$$NOW"]}}}])

    def give_up_all(self, lane_id: ObjectId, status: str) -> None:
        """End whatever waits in the lane as failed."""
        waiting = {"lane_id": lane_id, "state": DeliveryState.WAITING.value}
        self._deliveries.update_many(waiting, {"$set": {"state": DeliveryState.FAILED.value, "status": status}})

    def retry(self, lane_id: ObjectId, id: ObjectId) -> None:
        """Try one again from the beginning, at once.

        Raises:
            NotFound: the lane has none of this id.
            Conflict: it has been delivered.
        """
        query = {"_id": id, "lane_id": lane_id, "state": {"$ne": DeliveryState.DELIVERED.value}}
        change = {"state": DeliveryState.WAITING.value, "due_at": "$$NOW", "tries": 0}
        if not self._deliveries.update_one(query, [{"$set": change}]).matched_count:
            self.get(lane_id, id)
            raise Conflict("it has been delivered: there is nothing to try again")

    def delete_lanes(self, lane_ids: Collection[ObjectId]) -> None:
        """Delete every delivery of receivers that are gone."""
        self._deliveries.delete_many({"lane_id": {"$in": list(lane_ids)}})

    def delete_project(self, project_id: ObjectId) -> None:
        """Delete every delivery that tells of a project."""
        self._deliveries.delete_many({"project_id": project_id})

    def lane_ids(self) -> list[ObjectId]:
        """Ids of all lanes that have deliveries, whether or not they still exist."""
        return self._deliveries.distinct("lane_id")

    def project_ids(self) -> list[ObjectId]:
        """Ids of all projects that deliveries tell of, whether or not they still exist."""
        return [id for id in self._deliveries.distinct("project_id") if id]
