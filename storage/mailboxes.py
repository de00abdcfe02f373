"""The `mailboxes` collection: a user's mail address, once it is confirmed, and of what to write there.

A mailbox has its user's id, and is also a lane (`storage.lanes`).
"""

from __future__ import annotations

import hashlib
import secrets
from dataclasses import dataclass
from datetime import timedelta

from bson import ObjectId

from storage.database import Database, Document, shielded
from storage.lanes import NEW_LANE

CODE_LIFETIME = timedelta(hours=1)
_CODE_BYTES = 8


@dataclass(frozen=True)
class Mailbox:
    """Where to write to a user.

    Attributes:
        email: the confirmed address.
        pending: one that waits for its code.
        events: types of the events to write about; None for the usual ones.
    """

    email: str | None = None
    pending: str | None = None
    events: tuple[str, ...] | None = None


def _digest(user_id: ObjectId, code: str) -> str:
    return hashlib.sha256(f"{user_id} {code}".encode("utf-8", "surrogatepass")).hexdigest()


@shielded
class Mailboxes:
    """Mail addresses by user."""

    def __init__(self, database: Database[Document]):
        self._mailboxes = database["mailboxes"]

    def get(self, user_id: ObjectId) -> Mailbox:
        """The user's mailbox; an empty one when nothing is known."""
        row = self._mailboxes.find_one({"_id": user_id}) or {}
        events = row.get("events")
        return Mailbox(row.get("email"), row.get("pending"), None if events is None else tuple(events))

    def set_events(self, user_id: ObjectId, events: tuple[str, ...]) -> None:
        """Write about these events only."""
        self._set(user_id, {"events": list(events)})

    def ask(self, user_id: ObjectId, address: str) -> None:
        """Note an address that is to be confirmed; the one before stays until then."""
        self._set(user_id, {"pending": address, "code_digest": None})

    def remove(self, user_id: ObjectId) -> None:
        """Forget the address, and one that waits."""
        self._set(user_id, {"email": None, "pending": None, "code_digest": None})

    def _set(self, user_id: ObjectId, fields: Document) -> None:
        change = {"$set": fields, "$setOnInsert": {"owner_id": user_id, **NEW_LANE}}
        self._mailboxes.update_one({"_id": user_id}, change, upsert=True)

    def new_code(self, user_id: ObjectId, address: str) -> str | None:
        """The code that confirms the address for an hour, 16 digits of 64 random bits; any code before is void.

        None when the address does not wait for one any more. Only a hash is stored.
        """
        code = secrets.token_hex(_CODE_BYTES)
        until = {"$add": ["$$NOW", int(CODE_LIFETIME.total_seconds() * 1000)]}
        change = {"code_digest": _digest(user_id, code), "code_until": until}
        found = self._mailboxes.update_one({"_id": user_id, "pending": address}, [{"$set": change}]).matched_count
        return code if found else None

    def confirm(self, user_id: ObjectId, code: str) -> bool:
        """Make the address that waits the user's; false when the code is wrong or too old."""
        query = {"_id": user_id, "code_digest": _digest(user_id, code), "$expr": {"$gt": ["$code_until", "$$NOW"]}}
        change = {"email": "$pending", "pending": None, "code_digest": None}
        return bool(self._mailboxes.update_one(query, [{"$set": change}]).modified_count)

    def delete(self, user_ids: list[ObjectId]) -> None:
        """Delete the mailboxes of accounts that are gone."""
        self._mailboxes.delete_many({"_id": {"$in": user_ids}})

    def existing(self, user_ids: list[ObjectId]) -> set[ObjectId]:
        """Those of the ids that have a mailbox."""
        return {row["_id"] for row in self._mailboxes.find({"_id": {"$in": user_ids}}, {"_id": 1})}

    def user_ids(self) -> list[ObjectId]:
        """Ids of all users that have one, whether or not they still exist."""
        return [row["_id"] for row in self._mailboxes.find({}, {"_id": 1})]
