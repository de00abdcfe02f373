"""Changes of many images at once, each a batch of one update."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

from bson import ObjectId

from storage.database import Database, Document, every, shielded, unhurried
from storage.image import Labels
from storage.image_facets import FACETS, change, completed, literal, split_facet
from storage.images import label_fields
from utils import utc_now

MOST_TAGS = 100
_MIGRATION = "images.facets"


@dataclass(frozen=True)
class BatchDone:
    """How many of the images were there, and how many of them are other than before."""

    matched: int
    changed: int


@dataclass(frozen=True)
class Fitness:
    """Whether an image is found by what it is."""

    id: ObjectId
    project_id: ObjectId
    name: str
    fits: bool


@shielded
class ImageChanges:
    """What is said of many images together."""

    def __init__(self, database: Database[Document]):
        self._images = database["images"]
        self._migrations = database["migrations"]

    def split(self, project_id: ObjectId, ids: list[ObjectId], split: str) -> BatchDone:
        """Put images into a part; into none, when it is empty."""
        return self._change(project_id, ids, {"facets": {"$ne": split_facet(split)}}, literal({"split": split}))

    def tag(self, project_id: ObjectId, ids: list[ObjectId], tag: str) -> BatchDone:
        """Give images a tag; those that have as many as allowed get none."""
        lacking = {"tags": {"$ne": tag}, f"tags.{MOST_TAGS - 1}": {"$exists": False}}
        tags = {"$setUnion": [{"$ifNull": ["$tags", []]}, [{"$literal": tag}]]}
        return self._change(project_id, ids, lacking, {"$set": {"tags": tags}})

    def untag(self, project_id: ObjectId, ids: list[ObjectId], tag: str) -> BatchDone:
        """Take a tag away."""
        tags = {"$setDifference": ["$tags", [{"$literal": tag}]]}
        return self._change(project_id, ids, {"tags": tag}, {"$set": {"tags": tags}})

    def label(self, project_id: ObjectId, ids: list[ObjectId], labels: Labels) -> BatchDone:
        """Say of images what they show, in place of what was said before."""
        return self._change(project_id, ids, {}, literal(label_fields(labels)))

    def _change(self, project_id: ObjectId, ids: list[ObjectId], others: Document, stage: Document) -> BatchDone:
        ours = {"_id": {"$in": ids}, "project_id": project_id}
        changed = self._images.update_many({**ours, **others}, change(utc_now(), stage)).modified_count
        return BatchDone(self._images.count_documents(ours) if others else changed, changed)

    def are_complete(self) -> bool:
        """Whether the images of before there were facets have them."""
        return self._migrations.find_one({"_id": _MIGRATION}) is not None

    def complete(self, project_id: ObjectId, background: bool) -> None:
        """Give a project's images of before what they lack.

        Args:
            background: whether an image without annotations was one that shows no object.
        """
        with unhurried():
            self._images.update_many({"project_id": project_id, "facets": {"$exists": False}}, completed(background))

    def mark_complete(self) -> None:
        """Note that this was done for all projects."""
        done = {"$set": {"done_at": utc_now()}}
        self._migrations.update_one({"_id": _MIGRATION}, done, upsert=True)

    def with_fitness(self) -> Iterator[Fitness]:
        """Every image, with whether its facets are those that follow from it."""
        fits = {"$setEquals": [{"$ifNull": ["$facets", []]}, FACETS]}
        for row in every(self._images, {}, {"project_id": 1, "name": 1, "fits": fits}):
            yield Fitness(row["_id"], row["project_id"], row["name"], row["fits"])

    def derive(self, image_id: ObjectId) -> None:
        """Make the facets of an image those that follow from it."""
        self._images.update_one({"_id": image_id}, [{"$set": {"facets": FACETS}}])
