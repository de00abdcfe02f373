"""The `models` collection: versions of a project's model, their cards and files."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from bson import ObjectId
from pymongo.errors import DuplicateKeyError

from storage.database import Database, Document, every, shielded
from storage.files import Files, HeldFile, StoredFile
from storage.order import Place, ordered
from utils import NotFound, utc_now


@dataclass(frozen=True)
class ModelFile:
    """One file of a model; `size` in bytes."""

    name: str
    file_id: ObjectId
    sha256: str
    size: int


@dataclass(frozen=True)
class Model:
    """A trained model; it counts once its job has succeeded with it.

    Attributes:
        version: counts from 1 in its project.
        card: everything about the model, JSON.
        files: by name: `model.onnx`, native weights, pictures.
        registered: `name` and `version` in MLflow's registry; none where it is not there.
    """

    id: ObjectId
    project_id: ObjectId
    job_id: ObjectId
    version: int
    card: dict[str, Any]
    files: dict[str, ModelFile]
    created_at: datetime
    registered: dict[str, str] | None = None


def _model(row: Document) -> Model:
    files = {item["name"]: ModelFile(**item) for item in row["files"]}
    fields = ("project_id", "job_id", "version", "card", "created_at")
    registered = row.get("registered")
    return Model(id=row["_id"], files=files, registered=registered, **{name: row[name] for name in fields})


@shielded
class Models:
    """Model versions; one job makes at most one."""

    def __init__(self, database: Database[Document], files: Files):
        self._models = database["models"]
        self._files = files

    def create_indexes(self) -> None:
        self._models.create_index([("project_id", 1), ("version", 1)], unique=True)
        self._models.create_index([("project_id", 1), ("created_at", -1), ("_id", -1)])
        self._models.create_index("job_id")
        self._models.create_index("files.file_id")

    def create(
        self, project_id: ObjectId, job_id: ObjectId, card: dict[str, Any], files: dict[str, StoredFile]
    ) -> Model:
        """Record a model whose files are stored already, under the project's next version number."""
        row: dict[str, Any] = {
            "project_id": project_id,
            "job_id": job_id,
            "card": card,
            "files": [{"name": n, "file_id": f.id, "sha256": f.sha256, "size": f.size} for n, f in files.items()],
            "created_at": utc_now(),
        }
        while True:
            newest = self._models.find_one({"project_id": project_id}, {"version": 1}, sort=[("version", -1)])
            row["version"] = newest["version"] + 1 if newest else 1
            try:
                self._models.insert_one(row)
                return _model(row)
            except DuplicateKeyError:
                row.pop("_id", None)  # another model of the project took this number just now: take the next

    def get(self, model_id: ObjectId) -> Model:
        """The model of this id.

        Raises:
            NotFound: there is none.
        """
        row = self._models.find_one({"_id": model_id})
        if row is None:
            raise NotFound(f"there is no model '{model_id}'")
        return _model(row)

    def of_version(self, project_id: ObjectId, version: int) -> Model:
        """The version of this number.

        Raises:
            NotFound: the project has none.
        """
        row = self._models.find_one({"project_id": project_id, "version": version})
        if row is None:
            raise NotFound(f"the project has no model version {version}")
        return _model(row)

    def list_of(self, project_id: ObjectId, limit: int, after: Place | None = None) -> list[Model]:
        """A page of a project's models, newest first.

        Args:
            after: the place behind which to go on.
        """
        return [_model(row) for row in ordered(self._models, {"project_id": project_id}, limit, after=after)]

    def delete(self, model_id: ObjectId) -> None:
        """Delete a model, then its files."""
        self._delete({"_id": model_id})

    def delete_of(self, job_id: ObjectId) -> None:
        """Delete what attempts of a job left that were lost between their model and its end; for the attempt that has
        the job now, before it makes its own."""
        self._delete({"job_id": job_id})

    def delete_all(self, project_id: ObjectId) -> None:
        """Delete every model of a project, then their files."""
        self._delete({"project_id": project_id})

    def _delete(self, query: Document) -> None:
        for row in self._models.find(query, {"files": 1}):
            self._models.delete_one({"_id": row["_id"]})
            self._files.delete(*(item["file_id"] for item in row["files"]))

    def ids_before(self, moment: datetime) -> Iterator[ObjectId]:
        """Ids of models made before `moment`."""
        return (row["_id"] for row in every(self._models, {"created_at": {"$lt": moment}}, {"_id": 1}))

    def list_all(self, project_id: ObjectId) -> list[Model]:
        """Every model of a project, newest first."""
        return [_model(row) for row in self._models.find({"project_id": project_id}).sort("version", -1)]

    def existing(self, model_ids: list[ObjectId]) -> dict[ObjectId, ObjectId]:
        """Those of the ids that are models, each with its project."""
        rows = self._models.find({"_id": {"$in": model_ids}}, {"project_id": 1})
        return {row["_id"]: row["project_id"] for row in rows}

    def job_ids(self, model_ids: list[ObjectId]) -> dict[ObjectId, ObjectId]:
        """The job that made each of the models."""
        rows = self._models.find({"_id": {"$in": model_ids}}, {"job_id": 1})
        return {row["_id"]: row["job_id"] for row in rows}

    def project_ids(self) -> list[ObjectId]:
        """Ids of all projects that have models, whether or not they still exist."""
        return self._models.distinct("project_id")

    def referenced(self, file_ids: list[ObjectId]) -> set[ObjectId]:
        """Those of the files that a model refers to."""
        rows = self._models.find({"files.file_id": {"$in": file_ids}}, {"files.file_id": 1})
        return {item["file_id"] for row in rows for item in row["files"]} & set(file_ids)

    def held(self) -> Iterator[HeldFile]:
        """Every file of every model."""
        for row in every(self._models, {}, {"project_id": 1, "version": 1, "files": 1}):
            for item in row["files"]:
                file = StoredFile(item["file_id"], item["sha256"], item["size"])
                owner = f"'{item['name']}' of model version {row['version']}"
                yield HeldFile(file, row["project_id"], row["_id"], owner)
