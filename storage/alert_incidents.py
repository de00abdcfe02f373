"""The `alert_incidents` collection: what was found wrong with a key, from when to when, and who was told.

The write that opens or ends an incident numbers the change and marks the incident as untold, as jobs are
(`storage.outbox`). A trial of a rule is an incident that was never open and that no list shows.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

from bson import ObjectId
from pymongo import ReturnDocument
from pymongo.errors import DuplicateKeyError

from storage.alert_rules import AlertRule
from storage.database import Database, Document, shielded
from storage.order import Order, Place, ordered
from utils import NotFound, utc_now

KEPT = timedelta(days=365)
OPENED, CLOSED, TRIAL = "alert.opened", "alert.closed", "alert.test"
BY_OPENING = Order("opened_at", descending=True)
_BULK = {"rows_packed": 0, "picture": 0}
_LISTED = {"trial": {"$exists": False}}


@dataclass(frozen=True)
class Incident:
    """An incident.

    Attributes:
        key: what it is about, such as a sensor.
        began_at: by the rows' own time where they have one; `ended_at` likewise.
        opened_at: when the platform noticed; `closed_at` likewise, None while it is open.
        rows: how many odd rows there were.
        worst: the highest score; None where rows have none to do with it.
        top: the sensors with the largest shares in that score, the largest first.
        reason: why it is over.
        has_rows: whether there are rows to be drawn.
        has_picture: whether they have been.
        changes: what there is to tell, each with `seq`, `type` and `at`.
        told: ids of the lanes that the opening was told to; None before that.
    """

    id: ObjectId
    project_id: ObjectId
    rule_id: ObjectId
    rule_name: str
    kind: str
    edition: int
    key: str
    began_at: datetime
    opened_at: datetime
    ended_at: datetime | None = None
    closed_at: datetime | None = None
    rows: int = 0
    worst: float | None = None
    top: tuple[tuple[str, float], ...] = ()
    reason: str | None = None
    acknowledged_at: datetime | None = None
    acknowledged_by: ObjectId | None = None
    has_rows: bool = False
    has_picture: bool = False
    changes: tuple[Document, ...] = ()
    told_up_to: int = 0
    told: tuple[ObjectId, ...] | None = None


_FIELDS = set(Incident.__dataclass_fields__) - {"id", "top", "changes", "told"}


def _incident(row: Document) -> Incident:
    told = row.get("told")
    return Incident(
        id=row["_id"],
        top=tuple((name, share) for name, share in row.get("top", ())),
        changes=tuple(row.get("changes", ())),
        told=None if told is None else tuple(told),
        **{name: row[name] for name in _FIELDS if name in row},
    )


@shielded
class AlertIncidents:
    """Incidents by project: open ones, and ended ones for a year."""

    def __init__(self, database: Database[Document]):
        self._incidents = database["alert_incidents"]

    def create_indexes(self) -> None:
        # Of one rule and key only one is open, however many processes find it at once.
        self._incidents.create_index(
            [("rule_id", 1), ("key", 1)], unique=True, partialFilterExpression={"open": True}, name="one_open"
        )
        self._incidents.create_index([("project_id", 1), ("opened_at", -1), ("_id", -1)])
        self._incidents.create_index("untold", sparse=True)
        self._incidents.create_index("undrawn", sparse=True)
        self._incidents.create_index("closed_at", expireAfterSeconds=int(KEPT.total_seconds()))

    def open(self, rule: AlertRule, id: ObjectId, key: str, found: Document, rows: bytes | None) -> bool:
        """Open an incident, unless it was opened before; false when another one of rule and key is still open.

        Args:
            id: its id, by which it is known again.
            found: `began_at`, `opened_at`, `rows`, `worst` and `top`.
            rows: packed, to be drawn.
        """
        row = {**found, **_about(rule), "key": key, "_id": id, "open": True}
        row |= {"untold": True, "changes": [{"seq": 1, "type": OPENED, "at": found["opened_at"]}]}
        try:
            self._incidents.insert_one({**row, "rows_packed": rows, "has_rows": rows is not None})
        except DuplicateKeyError:
            return self._incidents.find_one({"_id": id}, {"_id": 1}) is not None
        return True

    def progress(self, id: ObjectId, found: Document) -> None:
        """Note what has come of an open incident so far: `rows`, `worst` and `top`."""
        self._incidents.update_one({"_id": id, "open": True}, {"$set": found})

    def close(self, id: ObjectId, found: Document) -> None:
        """End an incident, unless it has ended.

        Args:
            found: `ended_at`, `closed_at` and `reason`, and what has come of it.
        """
        self._close({"_id": id}, found)

    def close_edition(self, rule_id: ObjectId, edition: int, reason: str) -> None:
        """End those that a rule has opened which is no more as it was."""
        self._close_now({"rule_id": rule_id, "edition": edition}, reason)

    def close_key(self, rule_id: ObjectId, key: str, reason: str) -> None:
        """End the one of rule and key."""
        self._close_now({"rule_id": rule_id, "key": key}, reason)

    def _close_now(self, query: Document, reason: str) -> None:
        now = utc_now()
        for row in list(self._incidents.find({**query, "open": True}, {"_id": 1})):
            self._close({"_id": row["_id"]}, {"ended_at": now, "closed_at": now, "reason": reason})

    def _close(self, query: Document, found: Document) -> None:
        change = {"seq": 2, "type": CLOSED, "at": found["closed_at"]}
        update: Document = {"$set": {**found, "untold": True}, "$push": {"changes": change}, "$unset": {"open": ""}}
        self._incidents.update_one({**query, "open": True}, update)

    def open_editions(self) -> list[tuple[ObjectId, int]]:
        """Rules with the editions of them that have open incidents."""
        groups: list[Document] = [
            {"$match": {"open": True}},
            {"$group": {"_id": {"rule": "$rule_id", "edition": "$edition"}}},
        ]
        return [(row["_id"]["rule"], row["_id"]["edition"]) for row in self._incidents.aggregate(groups)]

    def try_out(self, rule: AlertRule, rows: bytes | None) -> ObjectId:
        """Have a trial told to the receivers of a rule."""
        now = utc_now()
        row = {**_about(rule), "key": "trial", "began_at": now, "opened_at": now, "closed_at": now, "trial": True}
        row |= {"untold": True, "changes": [{"seq": 1, "type": TRIAL, "at": now}]}
        return self._incidents.insert_one({**row, "rows_packed": rows, "has_rows": rows is not None}).inserted_id

    def get(self, project_id: ObjectId, incident_id: ObjectId) -> Incident:
        """The project's incident of this id.

        Raises:
            NotFound: it has none.
        """
        row = self._incidents.find_one({"_id": incident_id, "project_id": project_id, **_LISTED}, _BULK)
        if row is None:
            raise NotFound(f"there is no incident '{incident_id}'")
        return _incident(row)

    def list_of(
        self,
        project_id: ObjectId,
        limit: int,
        after: Place | None = None,
        wanted: Document | None = None,
        is_open: bool | None = None,
    ) -> list[Incident]:
        """A project's incidents, the last to be opened first.

        Args:
            after: the place behind which to go on.
            wanted: fields with their values.
            is_open: only those that are, or that are not.
        """
        query: Document = {"project_id": project_id, **_LISTED, **(wanted or {})}
        if is_open is not None:
            query["open"] = True if is_open else None
        return [_incident(row) for row in ordered(self._incidents, query, limit, BY_OPENING, after, _BULK)]

    def acknowledge(self, incident: Incident, user_id: ObjectId) -> Incident:
        """Note that somebody knows; who was the first stays.

        Raises:
            NotFound: it was deleted meanwhile.
        """
        change = {"acknowledged_at": utc_now(), "acknowledged_by": user_id}
        self._incidents.update_one({"_id": incident.id, "acknowledged_at": None}, {"$set": change})
        return self.get(incident.project_id, incident.id)

    def packed_rows(self, incident_id: ObjectId) -> bytes | None:
        """The rows of an incident; None when there are none."""
        row = self._incidents.find_one({"_id": incident_id}, {"rows_packed": 1})
        return row.get("rows_packed") if row else None

    def keep_picture(self, incident_id: ObjectId, picture: bytes) -> None:
        """Keep the picture of an incident; the first one stays, since it may be on its way already."""
        change = {"$set": {"picture": picture, "has_picture": True}}
        self._incidents.update_one({"_id": incident_id, "picture": {"$exists": False}}, change)

    def claim_undrawn(self, lease_seconds: float) -> Incident | None:
        """The newest that was told before it was drawn, for so long this caller's alone."""
        query: Document = {"undrawn": {"$exists": True}, "$expr": {"$lte": ["$undrawn", "$$NOW"]}}
        change: list[Document] = [{"$set": {"undrawn": {"$add": ["$$NOW", round(lease_seconds * 1000)]}}}]
        row = self._incidents.find_one_and_update(query, change, projection=_BULK, sort=[("_id", -1)])
        return _incident(row) if row else None

    def note_drawn(self, incident_id: ObjectId) -> None:
        """It was drawn, or cannot be."""
        self._incidents.update_one({"_id": incident_id}, {"$unset": {"undrawn": ""}})

    def picture(self, incident_id: ObjectId) -> bytes | None:
        """The picture of an incident, a PNG file; None when there is none."""
        row = self._incidents.find_one({"_id": incident_id}, {"picture": 1}) or {}
        return row.get("picture")

    def claim_untold(self, lease_seconds: float) -> Incident | None:
        """One with something to tell, for so long this caller's alone."""
        query: Document = {"untold": True, "$expr": {"$lte": [{"$ifNull": ["$held_until", "$$NOW"]}, "$$NOW"]}}
        change: list[Document] = [{"$set": {"held_until": {"$add": ["$$NOW", round(lease_seconds * 1000)]}}}]
        row = self._incidents.find_one_and_update(
            query, change, projection=_BULK, sort=[("_id", 1)], return_document=ReturnDocument.AFTER
        )
        return _incident(row) if row else None

    def note_told(self, incident: Incident, lane_ids: Sequence[ObjectId], undrawn: bool = False) -> None:
        """Note that the changes of an incident have become deliveries, to whom, and whether it is still to be drawn.

        A change that has come meanwhile keeps its mark. The lanes are noted once: who was so slow that another one
        has told them has done the same.
        """
        seq = max((change["seq"] for change in incident.changes), default=0)
        self._incidents.update_one({"_id": incident.id, "told": None}, {"$set": {"told": list(lane_ids)}})
        change: Document = {"$max": {"told_up_to": seq}, "$unset": {"held_until": ""}}
        self._incidents.update_one(
            {"_id": incident.id}, {**change, "$set": {"undrawn": utc_now()}} if undrawn else change
        )
        no_more = {"changes": {"$not": {"$elemMatch": {"seq": {"$gt": seq}}}}}
        self._incidents.update_one({"_id": incident.id, **no_more}, {"$unset": {"untold": ""}})

    def delete_project(self, project_id: ObjectId) -> None:
        """Delete all of a project."""
        self._incidents.delete_many({"project_id": project_id})

    def project_ids(self) -> list[ObjectId]:
        """Ids of all projects that have incidents, whether or not they still exist."""
        return self._incidents.distinct("project_id")


def _about(rule: AlertRule) -> Document:
    return {
        "project_id": rule.project_id,
        "rule_id": rule.id,
        "rule_name": rule.name,
        "kind": rule.kind,
        "edition": rule.edition,
    }
