"""Documents of a project that comes from another installation, written as they were there, under ids of their own.

The project is marked until all is there; what an interruption leaves of it the sweeper removes.
"""

from __future__ import annotations

from collections.abc import Iterator
from datetime import datetime
from typing import Any

from bson import ObjectId
from pymongo.errors import DuplicateKeyError

from storage.database import Database, Document, every, shielded
from storage.image_facets import FACETS
from storage.projects import Project, project_of
from storage.users import User
from utils import Conflict, utc_now


@shielded
class Restoring:
    """Projects that are being restored."""

    def __init__(self, database: Database[Document]):
        self._projects = database["projects"]
        self._rows = {name: database[name] for name in ("images", "dataset_versions", "jobs", "models")}

    def words_of(self, project_id: ObjectId) -> Document:
        """What a project says of itself: `description`, `created_at` and `versions_made`."""
        row = self._projects.find_one({"_id": project_id}) or {}
        return {
            "description": row.get("description") or "",
            "created_at": row.get("created_at"),
            "versions_made": row.get("dataset_versions", 0),
        }

    def begin(self, owner: User, name: str, type: str, fields: Document) -> Project:
        """Create the project that is to be filled; nobody is told of it as whole until `end`.

        Raises:
            Conflict: the name is taken, by anybody.
        """
        row: dict[str, Any] = {
            "owner_id": owner.id,
            "name": name,
            "type": type,
            "classes_revision": 0,
            "model_id": None,
            "model_version": 0,
            "is_published": False,
            "members": [],
            "revision": 1,
            "restoring_at": utc_now(),
            **fields,
        }
        try:
            self._projects.insert_one(row)
        except DuplicateKeyError:
            raise Conflict(f"the project name '{name}' is taken: send another as `name`") from None
        return project_of(row)

    def add(self, collection: str, project_id: ObjectId, rows: list[Document]) -> None:
        """Add documents of a kind: `images`, `dataset_versions`, `jobs` or `models`."""
        if rows:
            self._rows[collection].insert_many([{"project_id": project_id, **row} for row in rows])
        if collection == "images":
            underived = {"project_id": project_id, "facets": {"$exists": False}}
            self._rows[collection].update_many(underived, [{"$set": {"facets": FACETS}}])
        self._projects.update_one({"_id": project_id}, {"$set": {"restoring_at": utc_now()}})

    def end(self, project: Project, fields: Document) -> None:
        """All is there."""
        self._projects.update_one({"_id": project.id}, {"$set": fields, "$unset": {"restoring_at": 1}})

    def counts(self, project_id: ObjectId) -> dict[str, int]:
        """How much a project holds: `images`, `versions`, `jobs` and `models`."""
        counts = {name: rows.count_documents({"project_id": project_id}) for name, rows in self._rows.items()}
        return {name.removeprefix("dataset_"): count for name, count in counts.items()}

    def begun(self, before: datetime) -> Iterator[ObjectId]:
        """Projects to which nothing was added since a moment, and that never came to their end."""
        return (row["_id"] for row in every(self._projects, {"restoring_at": {"$lt": before}}, {"_id": 1}))
