"""The `alert_states` collection: what the rules of a project remember of one key.

One document a project and key, changed by one conditional update, so of several processes that look at the same rows
one decides. An update that opens or closes an incident writes that down as an **intent** in the same document;
whoever comes by carries it out, any number of times, so a process may die between the two.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

from bson import ObjectId
from pymongo import WriteConcern
from pymongo.errors import DuplicateKeyError

from storage.alert_rules import AlertRule
from storage.database import Database, Document, shielded

_MOST = 1000
# Windows may lose their last moments when the database is killed; an intent may not.
_AT_ONCE = WriteConcern(w=1, j=False)
_FORGOTTEN_SECONDS = 90 * 24 * 3600
_WITHOUT_ROWS = {"chunks": 0}


@dataclass(frozen=True)
class AlertState:
    """What is remembered of a key.

    Attributes:
        version: counts the changes; 0 as long as nothing is stored.
        clock: seconds since 1970 that the rows have reached.
        seen: hashes of the last rows.
        seen_at: when the last row came.
        entries: what each rule remembers, by the rule's id.
        sizes: rows in each stored chunk, the oldest first.
        intents: what is to be carried out, in this order.
    """

    id: ObjectId
    project_id: ObjectId
    key: str
    version: int = 0
    clock: float = 0.0
    seen: bytes = b""
    seen_at: datetime | None = None
    entries: dict[str, Document] = field(default_factory=dict)
    sizes: tuple[int, ...] = ()
    intents: tuple[Document, ...] = ()


@dataclass(frozen=True)
class Change:
    """What a change of a state sets; None stays.

    Attributes:
        chunk: further rows, with how many these are; `kept` chunks stay, with it.
    """

    entries: dict[str, Document]
    intents: Sequence[Document] = ()
    clock: float | None = None
    seen: bytes | None = None
    chunk: tuple[bytes, int] | None = None
    kept: int = 1


def state_id(project_id: ObjectId, key: str) -> ObjectId:
    """The one id that a key of a project has."""
    return ObjectId(hashlib.sha256(f"{project_id} {key}".encode("utf-8", "surrogatepass")).digest()[:12])


def _state(row: Document) -> AlertState:
    return AlertState(
        row["_id"], row["project_id"], row["key"], row["version"], row.get("clock", 0.0), row.get("seen", b""),
        row.get("seen_at"), row["entries"], tuple(row.get("sizes", ())), tuple(row.get("intents", ())),
    )  # fmt: skip


@shielded
class AlertStates:
    """States by project and key."""

    def __init__(self, database: Database[Document]):
        self._states = database["alert_states"]
        self._quick = self._states.with_options(write_concern=_AT_ONCE)

    def create_indexes(self) -> None:
        self._states.create_index([("project_id", 1), ("seen_at", 1)])
        self._states.create_index("owing", sparse=True)
        # A sensor that was taken out long ago.
        self._states.create_index("seen_at", expireAfterSeconds=_FORGOTTEN_SECONDS)

    def get(self, project_id: ObjectId, key: str) -> AlertState:
        """What is remembered; an empty state when nothing is."""
        id = state_id(project_id, key)
        row = self._states.find_one({"_id": id}, _WITHOUT_ROWS)
        return _state(row) if row else AlertState(id, project_id, key)

    def get_all(self, project_id: ObjectId, keys: Iterable[str]) -> dict[str, AlertState]:
        """The same of several keys."""
        found = {key: AlertState(state_id(project_id, key), project_id, key) for key in keys}
        stored = self._states.find({"_id": {"$in": [state.id for state in found.values()]}}, _WITHOUT_ROWS)
        return found | {row["key"]: _state(row) for row in stored}

    def save(self, state: AlertState, change: Change, row_came: bool = True) -> bool:
        """Change a state; false when somebody else has changed it since it was read, and nothing is done.

        Args:
            row_came: note that a row has come now.
        """
        fields = {"clock": change.clock, "seen": change.seen, "entries": change.entries, "version": state.version + 1}
        update: Document = {"$set": {name: value for name, value in fields.items() if value is not None}}
        if row_came:
            update["$currentDate"] = {"seen_at": True}
        if change.intents:
            update["$set"]["owing"] = True
        if pushed := _pushed(change):
            update["$push"] = pushed
        query: Document = {"_id": state.id, "version": state.version}
        if not state.version:
            query["version"] = {"$exists": False}
            update["$setOnInsert"] = {"project_id": state.project_id, "key": state.key}
        states = self._states if change.intents else self._quick
        try:
            result = states.update_one(query, update, upsert=not state.version)
        except DuplicateKeyError:
            return False  # somebody else has stored the first one
        return bool(result.matched_count or result.upserted_id)

    def rows(self, id: ObjectId) -> list[bytes]:
        """Chunks of the last rows, the oldest first."""
        row = self._states.find_one({"_id": id}, {"chunks": 1}) or {}
        return row.get("chunks", [])

    def silent(self, rule: AlertRule, seconds: float) -> Iterator[AlertState]:
        """Keys of which a row has come since the rule counts, none for so long, and no incident of it is open."""
        entry = f"entries.{rule.id}"
        query: Document = {
            "project_id": rule.project_id,
            "seen_at": {"$gte": rule.since},
            "$expr": {"$lte": ["$seen_at", {"$subtract": ["$$NOW", round(seconds * 1000)]}]},
            "$or": [{f"{entry}.open": None}, {f"{entry}.edition": {"$ne": rule.edition}}],
        }
        return map(_state, self._states.find(query, _WITHOUT_ROWS).limit(_MOST))

    def owing(self) -> list[AlertState]:
        """States with intents that are not known to be carried out."""
        return [_state(row) for row in self._states.find({"owing": True}, _WITHOUT_ROWS).limit(_MOST)]

    def intents_of(self, id: ObjectId) -> tuple[Document, ...]:
        """What is to be carried out for a key."""
        row: dict[str, Any] = self._states.find_one({"_id": id}, {"intents": 1}) or {}
        return tuple(row.get("intents", ()))

    def settle(self, id: ObjectId, intents: Sequence[Document]) -> None:
        """Note that intents were carried out."""
        done = [intent["id"] for intent in intents]
        self._states.update_one({"_id": id}, {"$pull": {"intents": {"id": {"$in": done}}}})
        self._states.update_one({"_id": id, "intents": []}, {"$unset": {"owing": ""}})

    def delete_project(self, project_id: ObjectId) -> None:
        """Delete all of a project."""
        self._states.delete_many({"project_id": project_id})

    def project_ids(self) -> list[ObjectId]:
        """Ids of all projects of which something is remembered, whether or not they still exist."""
        return self._states.distinct("project_id")


def _pushed(change: Change) -> Document:
    pushed: Document = {}
    if change.intents:
        pushed["intents"] = {"$each": list(change.intents)}
    if change.chunk:
        content, size = change.chunk
        pushed["chunks"] = {"$each": [content], "$slice": -change.kept}
        pushed["sizes"] = {"$each": [size], "$slice": -change.kept}
    return pushed
