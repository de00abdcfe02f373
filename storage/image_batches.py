"""Many images into a project in few round trips: files first, then all documents that make them count."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from bson import ObjectId
from pymongo import UpdateOne, timeout
from pymongo.errors import BulkWriteError

from storage.database import Database, Document, shielded
from storage.files import Files, StoredFile
from storage.image import Labels, NewImage
from storage.images import Images, placing

_TOGETHER_SECONDS = 60.0
_NAME_TAKEN = 11000


@dataclass(frozen=True)
class Known:
    """What a project has under a name.

    Attributes:
        placed_by: the step of an import that placed it, if one did.
    """

    id: ObjectId
    file_id: ObjectId
    sha256: str
    placed_by: str | None = None


@dataclass(frozen=True)
class Placement:
    """An image to be placed.

    Attributes:
        id: of the image, when it is a new one; made again, the same step has the same id.
        placed_by: names the step, so that a further try knows what it did.
        content: of the file.
        header: `format`, `width` and `height` as read from the file, and what else is known of its content.
        labels: none leaves those that are there when the content is the same.
        replaces: the image that it takes the place of, as it was when that was decided.
    """

    id: ObjectId
    placed_by: str
    name: str
    content: bytes
    sha256: str
    header: Mapping[str, Any] = field(default_factory=dict)
    labels: Labels | None = None
    split: str = ""
    tags: tuple[str, ...] = ()
    replaces: Known | None = None

    @property
    def keeps_file(self) -> bool:
        """Whether the file that is there stays, since its content is the same."""
        return self.replaces is not None and self.replaces.sha256 == self.sha256


@shielded
class ImageBatches:
    """The `images` collection, a batch at a time."""

    def __init__(self, database: Database[Document], files: Files, images: Images):
        self._images = database["images"]
        self._files = files
        self._release_files = images.release

    def named(self, project_id: ObjectId, names: Iterable[str]) -> dict[str, Known]:
        """Those of the names that images of a project have."""
        query = {"project_id": project_id, "name": {"$in": list(names)}}
        fields = {"name": 1, "file_id": 1, "sha256": 1, "placed_by": 1}
        return {
            row["name"]: Known(row["_id"], row["file_id"], row["sha256"], row.get("placed_by"))
            for row in self._images.find(query, fields)
        }

    def contents(self, project_id: ObjectId, sha256s: Iterable[str], run: str) -> set[str]:
        """Those of the contents that images of a project have, other than those that a run of an import placed."""
        others = {"$not": re.compile(f"^{re.escape(run)}:")}
        query = {"project_id": project_id, "sha256": {"$in": list(sha256s)}, "placed_by": others}
        return {row["sha256"] for row in self._images.find(query, {"_id": 0, "sha256": 1})}

    def existing(self, ids: Iterable[ObjectId]) -> set[ObjectId]:
        """Those of the ids that are images."""
        return {row["_id"] for row in self._images.find({"_id": {"$in": list(ids)}}, {"_id": 1})}

    def place_many(self, project_id: ObjectId, placements: Sequence[Placement]) -> list[bool]:
        """Store files and make them images, replacing what is named to be replaced, whose files then go.

        Returns:
            For each whether it counts: it does not when its name was taken meanwhile, or what it was to replace has
            changed; then nothing of it is left, and it must be decided on anew.
        """
        files = self._stored(placements)
        updates = [_update(project_id, item, file) for item, file in zip(placements, files, strict=True)]
        ids = [item.replaces.id if item.replaces else item.id for item in placements]
        with timeout(_TOGETHER_SECONDS):
            try:
                self._images.bulk_write(updates, ordered=False)
            except BulkWriteError as error:
                if any(failed["code"] != _NAME_TAKEN for failed in error.details["writeErrors"]):
                    raise
            steps = {
                row["_id"]: row.get("placed_by") for row in self._images.find({"_id": {"$in": ids}}, {"placed_by": 1})
            }
        counts = [steps.get(id) == item.placed_by for id, item in zip(ids, placements, strict=True)]
        self._release(placements, files, counts)
        return counts

    def _stored(self, placements: Sequence[Placement]) -> list[StoredFile]:
        """The file of each; of what has its content already, the one that is there."""
        stored = iter(self._files.put_many([(item.name, item.content) for item in placements if not item.keeps_file]))
        return [
            StoredFile(item.replaces.file_id, item.sha256, len(item.content))
            if item.replaces and item.keeps_file
            else next(stored)
            for item in placements
        ]

    def _release(self, placements: Sequence[Placement], files: Sequence[StoredFile], counts: Sequence[bool]) -> None:
        """Delete files that were replaced, and those that did not come to count."""
        gone = []
        for item, file, is_placed in zip(placements, files, counts, strict=True):
            if item.keeps_file:
                continue
            if not is_placed:
                gone.append(file.id)
            elif item.replaces:
                gone.append(item.replaces.file_id)
        if gone:
            self._release_files(gone)


def _update(project_id: ObjectId, item: Placement, file: StoredFile) -> UpdateOne:
    header = {**item.header, "placed_by": item.placed_by}
    update = placing(NewImage(item.name, file, header, item.labels, item.split, item.tags), item.id)
    if item.replaces:
        return UpdateOne({"_id": item.replaces.id, "file_id": item.replaces.file_id}, update)
    return UpdateOne({"_id": item.id, "project_id": project_id, "name": item.name}, update, upsert=True)
