"""The `images` collection: every image of a project with its annotations; the pixels lie in GridFS."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from bson import ObjectId
from pymongo import ReturnDocument, UpdateOne
from pymongo.errors import DuplicateKeyError

from storage.database import Database, Document, every, shielded
from storage.files import Files, HeldFile, StoredFile
from utils import NotFound, utc_now


@dataclass(frozen=True)
class StoredAnnotation:
    """One label.

    Attributes:
        class_id: stable id of the class in its project.
        box: x_center, y_center, width, height, fractions of the EXIF-turned image; None for the whole image.
        by_name: the client named the class instead of giving its index, and reads it back so.
        numbers: the box as the client wrote it, for the same reason.
    """

    class_id: int
    box: tuple[float, float, float, float] | None = None
    by_name: bool = False
    numbers: str = ""


@dataclass(frozen=True)
class StoredImage:
    """An image; `width` and `height` in pixels after the EXIF turn, `size` in bytes.

    Attributes:
        split: `train`, `val` or `test` when somebody has decided it; empty when each training's seed decides.
        tags: words of the user, sorted, each once.
        revision: counts every change of the image, its name, labels, split or tags, from 1.
        perceptual_hash: 64 bits that change little when the picture changes little, as a signed number; None when it
            was stored before there was one.
        thumbnail: of 16 x 16 grey pixels, one byte each; None as the hash.
    """

    id: ObjectId
    project_id: ObjectId
    name: str
    file_id: ObjectId
    sha256: str
    size: int
    format: str
    width: int
    height: int
    annotations: tuple[StoredAnnotation, ...]
    split: str = ""
    tags: tuple[str, ...] = ()
    revision: int = 1
    created_at: datetime | None = None
    updated_at: datetime | None = None
    perceptual_hash: int | None = None
    thumbnail: bytes | None = None


def _image(row: Document) -> StoredImage:
    annotations = tuple(
        StoredAnnotation(
            item["class_id"], tuple(item["box"]) if item["box"] else None, item["by_name"], item["numbers"]
        )
        for item in row["annotations"]
    )
    fields = ("project_id", "name", "file_id", "sha256", "size", "format", "width", "height")
    later = ("split", "revision", "created_at", "updated_at", "perceptual_hash", "thumbnail")
    return StoredImage(
        id=row["_id"],
        annotations=annotations,
        tags=tuple(row.get("tags", ())),
        **{name: row[name] for name in fields},
        **{name: row[name] for name in later if name in row},
    )


@shielded
class Images:
    """Images by name in their project."""

    def __init__(self, database: Database[Document], files: Files):
        self._images = database["images"]
        self._files = files

    def create_indexes(self) -> None:
        self._images.create_index([("project_id", 1), ("name", 1)], unique=True)
        self._images.create_index("file_id")

    def place(
        self,
        project_id: ObjectId,
        name: str,
        file: StoredFile,
        header: dict[str, Any],
        annotations: tuple[StoredAnnotation, ...],
    ) -> None:
        """Make a stored file the image of this name; one that was there is replaced in the same step.

        Args:
            header: what `datasets.images.read_info` read from the file.
        """
        fields = {
            "file_id": file.id,
            "sha256": file.sha256,
            "size": file.size,
            "annotations": [vars(annotation) for annotation in annotations],
            "updated_at": utc_now(),
            **header,
        }
        before = self._upsert({"project_id": project_id, "name": name}, fields)
        if before:
            self._files.delete(before["file_id"])

    def _upsert(self, key: Document, fields: Document) -> Document | None:
        while True:
            try:
                return self._images.find_one_and_update(
                    key,
                    {"$set": fields, "$inc": {"revision": 1}, "$setOnInsert": {"created_at": utc_now()}},
                    upsert=True,
                    return_document=ReturnDocument.BEFORE,
                )
            except DuplicateKeyError:  # two first placings at once: the other made it, replace it
                continue

    def get(self, project_id: ObjectId, name: str) -> StoredImage:
        """The image of this name.

        Raises:
            NotFound: there is none.
        """
        row = self._images.find_one({"project_id": project_id, "name": name})
        if row is None:
            raise NotFound(f"there is no data point '{name}' in this project")
        return _image(row)

    def list_all(self, project_id: ObjectId) -> Iterator[StoredImage]:
        """All images of a project, by name."""
        return map(_image, self._images.find({"project_id": project_id}).sort("name", 1))

    def keep_looks(self, looks: dict[tuple[ObjectId, str], tuple[int, bytes]]) -> None:
        """Add perceptual hash and thumbnail to images that have none; nothing else of them changes.

        Args:
            looks: by id and SHA-256 of the image, since another file may have taken its place.
        """
        changes = [
            UpdateOne(
                {"_id": image_id, "sha256": sha256}, {"$set": {"perceptual_hash": number, "thumbnail": thumbnail}}
            )
            for (image_id, sha256), (number, thumbnail) in looks.items()
        ]
        if changes:
            self._images.bulk_write(changes, ordered=False)

    def contents(self, project_id: ObjectId) -> dict[str, ObjectId]:
        """The file of each content that a project has now, by SHA-256; any of those that are equal."""
        rows = self._images.find({"project_id": project_id}, {"sha256": 1, "file_id": 1})
        return {row["sha256"]: row["file_id"] for row in rows}

    def ids(self, project_id: ObjectId) -> list[ObjectId]:
        """Ids of all images of a project."""
        return [row["_id"] for row in self._images.find({"project_id": project_id}, {"_id": 1})]

    def delete(self, project_id: ObjectId, name: str) -> None:
        """Delete an image, then its file.

        Raises:
            NotFound: there is none.
        """
        row = self._images.find_one_and_delete({"project_id": project_id, "name": name})
        if row is None:
            raise NotFound(f"there is no data point '{name}' in this project")
        self._files.delete(row["file_id"])

    def delete_all(self, project_id: ObjectId) -> None:
        """Delete every image of a project, then their files."""
        file_ids = [row["file_id"] for row in self._images.find({"project_id": project_id}, {"file_id": 1})]
        self._images.delete_many({"project_id": project_id})
        self._files.delete(*file_ids)

    def project_ids(self) -> list[ObjectId]:
        """Ids of all projects that have images, whether or not they still exist."""
        return self._images.distinct("project_id")

    def referenced(self, file_ids: list[ObjectId]) -> set[ObjectId]:
        """Those of the files that an image refers to."""
        return {row["file_id"] for row in self._images.find({"file_id": {"$in": file_ids}}, {"file_id": 1})}

    def held(self) -> Iterator[HeldFile]:
        """The file of every image."""
        for row in every(self._images, {}, {"annotations": 0}):
            file = StoredFile(row["file_id"], row["sha256"], row["size"])
            yield HeldFile(file, row["project_id"], row["_id"], f"data point '{row['name']}'")

    def labels(self) -> Iterator[tuple[ObjectId, str, set[int]]]:
        """Project, name and the class ids in the annotations of every image."""
        for row in every(self._images, {}, {"project_id": 1, "name": 1, "annotations.class_id": 1}):
            yield row["project_id"], row["name"], {annotation["class_id"] for annotation in row["annotations"]}
