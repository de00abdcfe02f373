"""The `alert_rules` collection: when a project's judged rows are an incident, and who is told then."""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from bson import ObjectId
from pymongo import ReturnDocument
from pymongo.errors import DuplicateKeyError

from storage.database import Database, Document, shielded
from storage.projects import Project
from utils import ChangedMeanwhile, Conflict, NotFound, utc_now

MOST_PER_PROJECT = 20
# What decides about rows: with another one everything that was found by the one before is over.
_CONDITIONS = {"parameters", "active"}


@dataclass(frozen=True)
class AlertRule:
    """A rule.

    Attributes:
        kind: names what looks at the rows, and what `parameters` mean.
        cooldown_seconds: after an incident none begins for the same key for so long.
        webhooks: those of the project that are told; None for all.
        mail: whether the project's owner is told by mail.
        webhook_picture: whether messages to webhooks hold the picture.
        edition: counts the changes of what decides about rows.
        since: when the last of these was.
        revision: counts all changes.
    """

    id: ObjectId
    project_id: ObjectId
    name: str
    kind: str
    parameters: dict[str, Any]
    cooldown_seconds: float
    active: bool
    webhooks: tuple[ObjectId, ...] | None
    mail: bool
    webhook_picture: bool
    edition: int
    since: datetime
    revision: int
    created_at: datetime


_FIELDS = set(AlertRule.__dataclass_fields__) - {"id", "webhooks"}


def _rule(row: Document) -> AlertRule:
    webhooks = row["webhooks"]
    return AlertRule(
        id=row["_id"],
        webhooks=None if webhooks is None else tuple(webhooks),
        **{name: row[name] for name in _FIELDS},
    )


@shielded
class AlertRules:
    """Rules by project."""

    def __init__(self, database: Database[Document]):
        self._rules = database["alert_rules"]

    def create_indexes(self) -> None:
        self._rules.create_index([("project_id", 1), ("slot", 1)], unique=True)
        self._rules.create_index([("kind", 1), ("active", 1)])

    def create(self, project: Project, fields: Document, request_key: str | None = None) -> AlertRule:
        """A rule of the project. Each holds one of its slots, so that parallel calls cannot pass the bound together.

        Args:
            fields: all that is the maker's choice.
            request_key: of the call; one that has made a rule gets that rule again.

        Raises:
            Conflict: the project has as many as allowed.
        """
        if request_key and (made := self._rules.find_one({"project_id": project.id, "request_key": request_key})):
            return _rule(made)
        now = utc_now()
        fields = {**fields, "request_key": request_key}
        row = {**fields, "project_id": project.id, "edition": 1, "since": now, "revision": 1, "created_at": now}
        for slot in range(MOST_PER_PROJECT):
            try:
                self._rules.insert_one({**row, "_id": (id := ObjectId()), "slot": slot})
                return self.get(project.id, id)
            except DuplicateKeyError:
                continue  # taken: look at the next
        raise Conflict(f"a project may have {MOST_PER_PROJECT} alert rules, and this one has: delete one first")

    def get(self, project_id: ObjectId, rule_id: ObjectId) -> AlertRule:
        """The project's rule of this id.

        Raises:
            NotFound: it has none.
        """
        row = self._rules.find_one({"_id": rule_id, "project_id": project_id})
        if row is None:
            raise NotFound(f"there is no alert rule '{rule_id}'")
        return _rule(row)

    def list_of(self, project_id: ObjectId) -> list[AlertRule]:
        """The project's rules, oldest first."""
        return [_rule(row) for row in self._rules.find({"project_id": project_id}).sort("_id", 1)]

    def active_of(self, project_id: ObjectId) -> list[AlertRule]:
        """Those of the project that look at rows."""
        return [rule for rule in self.list_of(project_id) if rule.active]

    def active_of_kinds(self, kinds: Collection[str]) -> list[AlertRule]:
        """Those of all projects that are of some kinds and look at rows."""
        return [_rule(row) for row in self._rules.find({"kind": {"$in": list(kinds)}, "active": True})]

    def current(self, rule_ids: Collection[ObjectId]) -> dict[ObjectId, AlertRule]:
        """Those of the ids that are rules."""
        return {row["_id"]: _rule(row) for row in self._rules.find({"_id": {"$in": list(rule_ids)}})}

    def change(self, rule: AlertRule, fields: Document, revision: int | None = None) -> AlertRule:
        """Change what is the maker's choice.

        Args:
            revision: that must be the present one; None where any is good.

        Raises:
            ChangedMeanwhile: it is of another revision; nothing is changed.
            NotFound: it was deleted meanwhile.
        """
        change: Document = {name: {"$literal": value} for name, value in fields.items()}
        change["revision"] = {"$add": ["$revision", 1]}
        if _CONDITIONS & set(fields):
            change |= {"edition": {"$add": ["$edition", 1]}, "since": "$$NOW"}
        query: Document = {"_id": rule.id, **({} if revision is None else {"revision": revision})}
        row = self._rules.find_one_and_update(query, [{"$set": change}], return_document=ReturnDocument.AFTER)
        if row is None:
            self.get(rule.project_id, rule.id)
            raise ChangedMeanwhile("the alert rule has been changed since you read it: read it again, then decide")
        return _rule(row)

    def delete(self, rule: AlertRule, revision: int | None = None) -> None:
        """Delete it.

        Raises:
            ChangedMeanwhile: it is of another revision; nothing is deleted.
        """
        query: Document = {"_id": rule.id, **({} if revision is None else {"revision": revision})}
        if not self._rules.delete_one(query).deleted_count:
            self.get(rule.project_id, rule.id)
            raise ChangedMeanwhile("the alert rule has been changed since you read it: read it again, then decide")

    def delete_project(self, project_id: ObjectId) -> None:
        """Delete all of a project."""
        self._rules.delete_many({"project_id": project_id})

    def project_ids(self) -> list[ObjectId]:
        """Ids of all projects that have rules, whether or not they still exist."""
        return self._rules.distinct("project_id")
