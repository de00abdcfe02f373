"""The `dataset_versions` collection: a project's dataset as it was at moments that somebody chose.

What is in a version lies in a file among the artifacts; the images that it names are kept by `storage.kept_files`, the
table by `storage.tables`.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

from bson import ObjectId
from pymongo import ReturnDocument

from storage.database import Database, Document, every, shielded
from storage.files import Files, HeldFile, StoredFile
from storage.order import Place, ordered
from utils import NotFound, utc_now


@dataclass(frozen=True)
class Version:
    """One version; numbers count from 1 in the project, and none is given twice.

    Attributes:
        digest: of the data, as jobs and model cards have it; equal data have equal digests.
        created_by: name of a user.
        file: says what is in it, see `datasets.frozen` and `datasets.tables.frozen`.
        images: how many; `labelled` of them have labels.
        classes: names, in their order.
        splits: how many images each fixed part has, by its name.
        rows: of a table, with so many `columns`.
    """

    id: ObjectId
    project_id: ObjectId
    version: int
    name: str
    description: str
    digest: str
    created_at: datetime
    created_by: str
    file: StoredFile
    images: int = 0
    labelled: int = 0
    classes: tuple[str, ...] = ()
    splits: dict[str, int] = field(default_factory=dict)
    rows: int = 0
    columns: int = 0


_FIELDS = ("project_id", "version", "name", "description", "digest", "created_at", "created_by")
# How much is in one; a kind of data tells those that it is counted by.
COUNTED = ("images", "labelled", "classes", "splits", "rows", "columns")


def _version(row: Document) -> Version:
    file = StoredFile(row["file"]["file_id"], row["file"]["sha256"], row["file"]["size"])
    counts = {name: row[name] for name in COUNTED if name in row}
    if "classes" in counts:
        counts["classes"] = tuple(counts["classes"])
    return Version(id=row["_id"], file=file, **{name: row[name] for name in _FIELDS}, **counts)


@shielded
class Versions:
    """Versions by their number in their project."""

    def __init__(self, database: Database[Document], files: Files):
        self._versions = database["dataset_versions"]
        self._projects = database["projects"]
        self._files = files

    def create_indexes(self) -> None:
        self._versions.create_index([("project_id", 1), ("version", 1)], unique=True)
        self._versions.create_index([("project_id", 1), ("created_at", -1), ("_id", -1)])
        self._versions.create_index([("project_id", 1), ("digest", 1)])
        self._versions.create_index("file.file_id")
        self._versions.create_index("request_key", sparse=True)

    def create(self, project_id: ObjectId, version_id: ObjectId, file: StoredFile, fields: dict[str, Any]) -> Version:
        """Record a version whose file is stored and whose data are kept; from here on it counts.

        Args:
            fields: all of `Version` that is not decided here.

        Raises:
            NotFound: the project was deleted meanwhile.
        """
        row = {
            "_id": version_id,
            "project_id": project_id,
            "version": self._next_number(project_id),
            "file": {"file_id": file.id, "sha256": file.sha256, "size": file.size},
            "created_at": utc_now(),
            **fields,
        }
        self._versions.insert_one(row)
        return self.get(project_id, row["version"])  # the database keeps milliseconds

    def made_by(self, project_id: ObjectId, request_key: str) -> Version | None:
        """The version that a request has made, if it has."""
        row = self._versions.find_one({"project_id": project_id, "request_key": request_key})
        return _version(row) if row else None

    def _next_number(self, project_id: ObjectId) -> int:
        """Counted in the project, so that a number that jobs and cards name never comes to mean other data."""
        counted = self._projects.find_one_and_update(
            {"_id": project_id}, {"$inc": {"dataset_versions": 1}}, {"dataset_versions": 1},
            return_document=ReturnDocument.AFTER,
        )  # fmt: skip
        if counted is None:
            raise NotFound("the project was deleted meanwhile")
        return int(counted["dataset_versions"])

    def get(self, project_id: ObjectId, number: int) -> Version:
        """The version of this number.

        Raises:
            NotFound: there is none.
        """
        row = self._versions.find_one({"project_id": project_id, "version": number})
        if row is None:
            raise NotFound(f"there is no version {number} of this dataset")
        return _version(row)

    def list_of(self, project_id: ObjectId, limit: int, after: Place | None = None) -> list[Version]:
        """A page of a project's versions, newest first.

        Args:
            after: the place behind which to go on.
        """
        return [_version(row) for row in ordered(self._versions, {"project_id": project_id}, limit, after=after)]

    def of_digest(self, project_id: ObjectId, digests: list[str]) -> dict[str, int]:
        """The newest version of each of these data that was frozen."""
        rows = self._versions.find({"project_id": project_id, "digest": {"$in": digests}}).sort("version", 1)
        return {row["digest"]: row["version"] for row in rows}

    def change(self, version: Version, fields: dict[str, Any]) -> Version:
        """Change name or description.

        Raises:
            NotFound: it was deleted meanwhile.
        """
        row = self._versions.find_one_and_update(
            {"_id": version.id}, {"$set": fields}, return_document=ReturnDocument.AFTER
        )
        if row is None:
            raise NotFound(f"there is no version {version.version} of this dataset")
        return _version(row)

    def delete(self, version: Version) -> None:
        """Delete a version, then its file; the data in it are the caller's to release."""
        self._versions.delete_one({"_id": version.id})
        self._files.delete(version.file.id)

    def delete_project(self, project_id: ObjectId) -> None:
        """Delete all versions of a project, then their files."""
        rows = list(self._versions.find({"project_id": project_id}, {"file.file_id": 1}))
        self._versions.delete_many({"project_id": project_id})
        self._files.delete(*(row["file"]["file_id"] for row in rows))

    def ids_of(self, project_id: ObjectId) -> list[ObjectId]:
        """Ids of a project's versions."""
        return [row["_id"] for row in self._versions.find({"project_id": project_id}, {"_id": 1})]

    def existing(self, version_ids: list[ObjectId]) -> set[ObjectId]:
        """Those of the ids that are versions."""
        return {row["_id"] for row in self._versions.find({"_id": {"$in": version_ids}}, {"_id": 1})}

    def project_ids(self) -> list[ObjectId]:
        """Ids of all projects that have versions, whether or not they still exist."""
        return self._versions.distinct("project_id")

    def referenced(self, file_ids: list[ObjectId]) -> set[ObjectId]:
        """Those of the files that say what is in a version."""
        rows = self._versions.find({"file.file_id": {"$in": file_ids}}, {"file.file_id": 1})
        return {row["file"]["file_id"] for row in rows}

    def held(self) -> Iterator[HeldFile]:
        """The file of every version."""
        for row in every(self._versions, {}):
            version = _version(row)
            yield HeldFile(version.file, version.project_id, version.id, f"dataset version {version.version}")
