"""The `images` collection: how many images each class has, and annotations that follow a class that is gone."""

from __future__ import annotations

from collections.abc import Collection, Iterator
from dataclasses import dataclass

from bson import ObjectId
from pymongo import timeout

from storage.database import Database, Document, MongoCollection, batches, shielded
from storage.image_facets import change
from storage.project import Project
from utils import utc_now


@dataclass(frozen=True)
class ClassCount:
    """How many annotations a class has, in how many images."""

    images: int = 0
    annotations: int = 0


@shielded
class ClassAnnotations:
    """Annotations by class."""

    def __init__(self, database: Database[Document]):
        self._images = database["images"]

    def create_indexes(self) -> None:
        self._images.create_index([("project_id", 1), ("annotations.class_id", 1)])

    def count(self, project: Project) -> dict[int, ClassCount]:
        """How many there are of each class that has any; of what was merged, as of the class it went into."""
        of_class = {"$size": {"$filter": {"input": "$ids", "cond": {"$eq": ["$$this", "$$id"]}}}}
        pairs = {"$map": {"input": {"$setUnion": ["$ids"]}, "as": "id", "in": ["$$id", of_class]}}
        rows = self._images.aggregate(
            [
                {"$match": {"project_id": project.id, "annotations.0": {"$exists": True}}},
                {"$project": {"ids": self._class_ids(project)}},
                {"$project": {"pairs": pairs}},
                {"$unwind": "$pairs"},
                {"$group": {"_id": {"$first": "$pairs"}, "images": {"$sum": 1}, "n": {"$sum": {"$last": "$pairs"}}}},
            ]
        )
        return {int(row["_id"]): ClassCount(row["images"], row["n"]) for row in rows}

    def _class_ids(self, project: Project) -> object:
        """The classes of an image's annotations, as they are now."""
        ids = "$annotations.class_id"
        if not self.lagging(project):
            return ids
        ways = [{"case": {"$eq": ["$$this", id]}, "then": into} for id, into in project.merged.items()]
        stays = {"$not": [{"$in": ["$$this", list(project.deleted)]}]}
        left = {"$filter": {"input": ids, "cond": stays}}
        return {"$map": {"input": left, "in": {"$switch": {"branches": ways, "default": "$$this"}}}} if ways else left

    def lagging(self, project: Project) -> bool:
        """Whether an image still names a class that was merged or deleted."""
        gone = [*project.merged, *project.deleted]
        return bool(gone) and self._images.find_one(_naming(project, gone), {"_id": 1}) is not None

    def follow(self, project: Project) -> int:
        """Let images name what classes were merged into, and nothing in place of those that were deleted.

        Each image is changed by itself, so that this can be cut short anywhere, and done again.

        Returns:
            How many annotations were changed or have gone.
        """
        changed = 0
        with timeout(None):  # each step is bounded by its batch
            for class_id, into in project.merged.items():
                changed += self._each(project, [class_id], _moved(class_id, into))
            if project.deleted:
                changed += self._each(project, project.deleted, _dropped(project.deleted))
        return changed

    def _each(self, project: Project, class_ids: Collection[int], stage: Document) -> int:
        naming, changed = _naming(project, class_ids), 0
        for ids in batches(_ids(self._images, naming)):
            rows = self._images.find({"_id": {"$in": ids}}, {"annotations.class_id": 1})
            changed += sum(item["class_id"] in class_ids for row in rows for item in row["annotations"])
            self._images.update_many({"_id": {"$in": ids}, **naming}, change(utc_now(), stage))
        return changed


def _naming(project: Project, class_ids: Collection[int]) -> Document:
    return {"project_id": project.id, "annotations.class_id": {"$in": list(class_ids)}}


def _ids(images: MongoCollection[Document], query: Document) -> Iterator[ObjectId]:
    return (row["_id"] for row in list(images.find(query, {"_id": 1})))


def _moved(class_id: int, into: int) -> Document:
    there = {"$mergeObjects": ["$$this", {"class_id": into}]}
    kept = {"$cond": [{"$eq": ["$$this.class_id", class_id]}, there, "$$this"]}
    return {"$set": {"annotations": {"$map": {"input": "$annotations", "in": kept}}}}


def _dropped(class_ids: Collection[int]) -> Document:
    stays = {"$not": [{"$in": ["$$this.class_id", list(class_ids)]}]}
    return {"$set": {"annotations": {"$filter": {"input": "$annotations", "cond": stays}}}}
