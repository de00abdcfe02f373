"""The `webhooks` collection: whom to tell of a project's changes, and the secret to sign with.

A webhook is also a lane (`storage.lanes`). Its secret is kept as it is, because it has to sign.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timedelta

from bson import ObjectId
from pymongo import ReturnDocument
from pymongo.errors import DuplicateKeyError

from storage.database import Database, Document, shielded
from storage.lanes import NEW_LANE
from storage.projects import Project
from utils import Conflict, NotFound, utc_now

MOST_PER_PROJECT = 10
BOTH_SECRETS = timedelta(hours=24)
_LANE_AT_ONCE: Document = {
    "failures": 0,
    "due_at": "$$NOW",
    "woken": {"$add": ["$woken", 1]},
    "paused_until": "$$REMOVE",
}


@dataclass(frozen=True)
class Webhook:
    """A receiver of a project's events.

    Attributes:
        events: types of the events it wants.
        switched_off: why it is not active, when its owner did not do that.
        secret: signs; `previous_secret` too, until `previous_until`.
        failures: tries in a row in which the receiver was not there.
    """

    id: ObjectId
    project_id: ObjectId
    owner_id: ObjectId
    url: str
    events: tuple[str, ...]
    active: bool
    created_at: datetime
    secret: str
    previous_secret: str | None = None
    previous_until: datetime | None = None
    switched_off: str | None = None
    failures: int = 0

    @property
    def secrets(self) -> tuple[str, ...]:
        """Those that sign now, the newest first."""
        both = self.previous_secret and self.previous_until and utc_now() < self.previous_until
        return (self.secret, str(self.previous_secret)) if both else (self.secret,)


_FIELDS = set(Webhook.__dataclass_fields__) - {"id", "events"}


def _webhook(row: Document) -> Webhook:
    values = {name: row[name] for name in _FIELDS if name in row}
    return Webhook(id=row["_id"], events=tuple(row["events"]), **values)


@shielded
class Webhooks:
    """Webhooks by project."""

    def __init__(self, database: Database[Document]):
        self._webhooks = database["webhooks"]

    def create_indexes(self) -> None:
        self._webhooks.create_index([("project_id", 1), ("slot", 1)], unique=True)

    def create(self, project: Project, url: str, events: tuple[str, ...], secret: str) -> Webhook:
        """A webhook of the project. Each holds one of its slots, so that parallel calls cannot pass the bound together.

        Raises:
            Conflict: the project has as many as allowed.
        """
        row: Document = {"project_id": project.id, "owner_id": project.owner_id, "url": url, "events": list(events)}
        row |= {"active": True, "secret": secret, "created_at": utc_now(), **NEW_LANE}
        for slot in range(MOST_PER_PROJECT):
            try:
                self._webhooks.insert_one({**row, "_id": (id := ObjectId()), "slot": slot})
                return self.get(project.id, id)
            except DuplicateKeyError:
                continue  # taken: look at the next
        raise Conflict(f"a project may have {MOST_PER_PROJECT} webhooks, and this one has: delete one first")

    def get(self, project_id: ObjectId, webhook_id: ObjectId) -> Webhook:
        """The project's webhook of this id.

        Raises:
            NotFound: it has none.
        """
        return self._found(webhook_id, self._webhooks.find_one({"_id": webhook_id, "project_id": project_id}))

    def _found(self, webhook_id: ObjectId, row: Document | None) -> Webhook:
        if row is None:
            raise NotFound(f"there is no webhook '{webhook_id}'")
        return _webhook(row)

    def find(self, webhook_id: ObjectId) -> Webhook | None:
        """The webhook of this id, or None."""
        row = self._webhooks.find_one({"_id": webhook_id})
        return _webhook(row) if row else None

    def list_of(self, project_id: ObjectId) -> list[Webhook]:
        """The project's webhooks, oldest first."""
        return [_webhook(row) for row in self._webhooks.find({"project_id": project_id}).sort("_id", 1)]

    def change(self, webhook: Webhook, fields: Document) -> Webhook:
        """Set `url`, `events`, `active`; what waits is then tried at once.

        Raises:
            NotFound: it was deleted meanwhile.
        """
        change: Document = {name: {"$literal": value} for name, value in fields.items()}
        if "active" in fields:
            change["switched_off"] = None
        return self._changed(webhook, {**change, **_LANE_AT_ONCE})

    def rotate(self, webhook: Webhook, secret: str) -> Webhook:
        """Sign with another secret from now on, and for a day with the one before too.

        Raises:
            NotFound: it was deleted meanwhile.
        """
        until = {"$add": ["$$NOW", int(BOTH_SECRETS.total_seconds() * 1000)]}
        change = {"previous_secret": "$secret", "previous_until": until, "secret": {"$literal": secret}}
        return self._changed(webhook, change)

    def _changed(self, webhook: Webhook, change: Document) -> Webhook:
        row = self._webhooks.find_one_and_update(
            {"_id": webhook.id}, [{"$set": change}], return_document=ReturnDocument.AFTER
        )
        return self._found(webhook.id, row)

    def switch_off(self, webhook_id: ObjectId, url: str, reason: str) -> bool:
        """Send nothing more to this URL, until its owner says otherwise; false when the webhook has another by now."""
        change = {"$set": {"active": False, "switched_off": reason}}
        return bool(self._webhooks.update_one({"_id": webhook_id, "url": url}, change).matched_count)

    def delete(self, webhook_id: ObjectId) -> None:
        """Delete one; nothing is sent to it any more."""
        self._webhooks.delete_one({"_id": webhook_id})

    def delete_project(self, project_id: ObjectId) -> None:
        """Delete all of a project."""
        self._webhooks.delete_many({"project_id": project_id})

    def existing(self, webhook_ids: list[ObjectId]) -> set[ObjectId]:
        """Those of the ids that are webhooks."""
        return {row["_id"] for row in self._webhooks.find({"_id": {"$in": webhook_ids}}, {"_id": 1})}

    def project_ids(self) -> list[ObjectId]:
        """Ids of all projects that have webhooks, whether or not they still exist."""
        return self._webhooks.distinct("project_id")
