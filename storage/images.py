"""The `images` collection: every image of a project with its annotations; the pixels lie in GridFS."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any

from bson import ObjectId
from pymongo import ReturnDocument, UpdateOne, timeout
from pymongo.errors import DuplicateKeyError

from storage.database import Database, Document, batches, every, shielded
from storage.files import Files, HeldFile, StoredFile
from storage.image import (
    Labels,
    NewImage,
    StoredAnnotation,
    StoredImage,
    annotation_rows,
    image_of,
)
from storage.image_facets import change, literal
from storage.kept_files import KeptFiles, without_kept
from utils import Conflict, NotFound, utc_now


@dataclass(frozen=True)
class Placed:
    """What came of placing an image.

    Attributes:
        created: there was none of this name.
    """

    id: ObjectId
    created: bool


@shielded
class Images:
    """Images by name in their project."""

    def __init__(self, database: Database[Document], files: Files, kept: KeptFiles):
        self._images = database["images"]
        self._files = files
        self._kept = kept

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
        """Make a stored file the image of this name, with these labels; see `place_new`."""
        self.place_new(project_id, NewImage(name, file, header, Labels(annotations)))

    def place_new(self, project_id: ObjectId, new: NewImage, replace: bool = True) -> Placed:
        """Make a stored file the image of a name; one that was there is replaced in the same step, its file deleted.

        Args:
            replace: whether it may be; what must not is refused, and the new file is deleted.

        Raises:
            Conflict: there is one, and it may not be replaced.
        """
        key: Document = {"project_id": project_id, "name": new.name}
        fresh = ObjectId()
        if not replace:
            key["_id"] = fresh  # so that none is found, and the index of names refuses a second one
        update = placing(new, fresh)
        while True:
            try:
                before = self._images.find_one_and_update(
                    key, update, {"file_id": 1}, upsert=True, return_document=ReturnDocument.BEFORE
                )
                break
            except DuplicateKeyError:
                if not replace:
                    self._release([new.file.id])
                    raise Conflict(f"there is an image '{new.name}' already") from None
                # Two first placings at once: the other made it, replace it.
        if before is None:
            return Placed(fresh, created=True)
        self._release([before["file_id"]])
        return Placed(before["_id"], created=False)

    def get(self, project_id: ObjectId, name: str) -> StoredImage:
        """The image of this name.

        Raises:
            NotFound: there is none.
        """
        row = self._images.find_one({"project_id": project_id, "name": name})
        if row is None:
            raise NotFound(f"there is no data point '{name}' in this project")
        return image_of(row)

    def of_id(self, project_id: ObjectId, image_id: ObjectId) -> StoredImage | None:
        """The image of this id, or None when the project has none."""
        row = self._images.find_one({"_id": image_id, "project_id": project_id})
        return image_of(row) if row else None

    def named(self, project_id: ObjectId, reference: str) -> StoredImage:
        """The image of this id or name.

        Raises:
            NotFound: there is none.
        """
        by_id = self.of_id(project_id, ObjectId(reference)) if ObjectId.is_valid(reference) else None
        if by_id:
            return by_id
        row = self._images.find_one({"project_id": project_id, "name": reference})
        if row is None:
            raise NotFound(f"there is no image '{reference[:100]}' in this project")
        return image_of(row)

    def name_of(self, project_id: ObjectId, reference: str) -> str:
        """The name of the image of this id; what is no id of an image is a name itself."""
        there = self.of_id(project_id, ObjectId(reference)) if ObjectId.is_valid(reference) else None
        return there.name if there else reference

    def taken(self, project_id: ObjectId, names: Sequence[str]) -> set[str]:
        """Those of the names that images have."""
        rows = self._images.find({"project_id": project_id, "name": {"$in": list(names)}}, {"_id": 0, "name": 1})
        return {row["name"] for row in rows}

    def list_all(self, project_id: ObjectId) -> Iterator[StoredImage]:
        """All images of a project, by name."""
        return map(image_of, self._images.find({"project_id": project_id}).sort("name", 1))

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

    def describe(self, image: StoredImage, fields: Document, revision: int | None = None) -> StoredImage | None:
        """Change the name, the split or the tags of an image.

        Args:
            revision: that must be the present one; None where any is good.

        Returns:
            The image as it is now; None when it is of another revision, or gone.

        Raises:
            Conflict: the name is another image's.
        """
        try:
            return self._change(image, literal(fields), revision)
        except DuplicateKeyError:
            raise Conflict(f"there is an image '{fields['name']}' already: choose another name") from None

    def label(self, image: StoredImage, labels: Labels, revision: int | None = None) -> StoredImage | None:
        """Say what an image shows, in place of what was said before; otherwise as `describe`."""
        return self._change(image, literal(label_fields(labels)), revision)

    def _change(self, image: StoredImage, stage: Document, revision: int | None) -> StoredImage | None:
        query: Document = {"_id": image.id}
        if revision is not None:
            query["revision"] = revision
        row = self._images.find_one_and_update(query, change(utc_now(), stage), return_document=ReturnDocument.AFTER)
        return image_of(row) if row else None

    def delete(self, project_id: ObjectId, name: str) -> None:
        """Delete an image, then its file.

        Raises:
            NotFound: there is none.
        """
        row = self._images.find_one_and_delete({"project_id": project_id, "name": name}, {"file_id": 1})
        if row is None:
            raise NotFound(f"there is no data point '{name}' in this project")
        self._release([row["file_id"]])

    def delete_one(self, image: StoredImage, revision: int | None = None) -> bool:
        """Delete an image, then its file; false when it is of another revision than this, or gone."""
        query: Document = {"_id": image.id}
        if revision is not None:
            query["revision"] = revision
        row = self._images.find_one_and_delete(query, {"file_id": 1})
        if row:
            self._release([row["file_id"]])
        return row is not None

    def delete_many(self, project_id: ObjectId, ids: list[ObjectId]) -> int:
        """Delete images, then their files; those that are gone already do not count."""
        ours = {"_id": {"$in": ids}, "project_id": project_id}
        file_ids = [row["file_id"] for row in self._images.find(ours, {"file_id": 1})]
        deleted = self._images.delete_many(ours).deleted_count
        self._release(file_ids)
        return deleted

    def delete_all(self, project_id: ObjectId) -> None:
        """Delete every image of a project, then their files."""
        with timeout(None):  # each step is bounded by its batch
            for batch in batches(self.ids(project_id)):
                self.delete_many(project_id, batch)

    def release(self, file_ids: list[ObjectId]) -> None:
        """Delete those files that neither an image refers to nor a version keeps."""
        for batch in batches(file_ids):
            # Images are looked at first: what none refers to now, no version comes to keep.
            self._release(list(set(batch) - self.referenced(batch)))

    def _release(self, file_ids: list[ObjectId]) -> None:
        """The one place where files go that no image refers to any more, but for those that a version keeps."""
        for free in without_kept(self._kept, file_ids):
            self._files.delete(*free)

    def states(self, project_id: ObjectId) -> dict[ObjectId, tuple[int, ObjectId]]:
        """Revision and file of every image of a project, by id."""
        rows = self._images.find({"project_id": project_id}, {"revision": 1, "file_id": 1}).sort("_id", 1)
        return {row["_id"]: (row.get("revision", 1), row["file_id"]) for row in rows}

    def project_ids(self) -> list[ObjectId]:
        """Ids of all projects that have images, whether or not they still exist."""
        return self._images.distinct("project_id")

    def referenced(self, file_ids: list[ObjectId]) -> set[ObjectId]:
        """Those of the files that an image refers to."""
        return {row["file_id"] for row in self._images.find({"file_id": {"$in": file_ids}}, {"file_id": 1})}

    def held(self) -> Iterator[HeldFile]:
        """The file of every image."""
        for row in every(self._images, {}, {"annotations": 0, "facets": 0}):
            file = StoredFile(row["file_id"], row["sha256"], row["size"])
            yield HeldFile(file, row["project_id"], row["_id"], f"data point '{row['name']}'")

    def labels(self) -> Iterator[tuple[ObjectId, str, set[int]]]:
        """Project, name and the class ids in the annotations of every image."""
        for row in every(self._images, {}, {"project_id": 1, "name": 1, "annotations.class_id": 1}):
            yield row["project_id"], row["name"], {annotation["class_id"] for annotation in row["annotations"]}


def label_fields(labels: Labels) -> Document:
    """Labels as fields of a document."""
    return {"annotations": annotation_rows(labels.annotations), "background": labels.background}


def placing(new: NewImage, fresh: ObjectId) -> list[Document]:
    """The update that makes a stored file the image of its name, for an upsert by project and name.

    Args:
        fresh: the id of an image that is made.
    """
    same = {"$eq": ["$sha256", new.file.sha256]}
    kept: Document = {"_id": {"$ifNull": ["$_id", fresh]}}
    if new.labels is None:
        kept["annotations"] = {"$cond": [same, {"$ifNull": ["$annotations", []]}, []]}
        kept["background"] = {"$and": [same, "$background"]}
    file = {"file_id": new.file.id, "sha256": new.file.sha256, "size": new.file.size}
    # What is known of the content that is replaced does not hold for this one.
    unknown = {"perceptual_hash": None, "thumbnail": None}
    given = {**unknown, **file, **new.header, **(label_fields(new.labels) if new.labels else {})}
    if new.split is not None:
        given["split"] = new.split
    if new.tags is not None:
        given["tags"] = list(new.tags)
    return change(utc_now(), {"$set": kept}, literal(given))


__all__ = ["Images", "Labels", "NewImage", "Placed", "StoredAnnotation", "StoredImage", "label_fields", "placing"]
