"""Lists and counts of images, and the indexes that answer them: each begins with the project.

- `facets` with what is sorted by answers what facets say, in any order, by a range of its keys.
- A range of sizes, widths or heights that few images lie in is answered by an index of that field: those few are read
  and sorted. Whether they are few is counted first, in the keys, and no further than that.
- `KEYS` holds all else that conditions ask for: of a project's images its keys are looked at, and documents are read of
  those only that are shown.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass

from bson import ObjectId
from pymongo import timeout
from pymongo.cursor import Cursor
from pymongo.errors import ExecutionTimeout

from storage.database import Database, Document, shielded, unhurried
from storage.image import LabelState, StoredImage, image_of
from storage.image_facets import EVERY, any_of, class_facet, state_facet
from storage.image_filter import ImageFilter
from storage.order import Order, Place
from utils import Unavailable

Key = list[tuple[str, int]]

KEYS: Key = [(name, 1) for name in ("project_id", "name", "created_at", "size", "width", "height", "_id")]
CONTENTS: Key = [("project_id", 1), ("sha256", 1)]
_SEARCH_SECONDS = 3.0
_RETRY_AFTER_SECONDS = 2
_MOST_MERGED = 10
_FEW = 2_000


def facet_key(field: str) -> Key:
    """The index that answers facets in the order of a field."""
    return [(name, 1) for name in ("project_id", "facets", field, *_last(field))]


def range_key(field: str) -> Key:
    """The index that answers a range of a field, whatever the order."""
    return facet_key(field) if field == "size" else [("project_id", 1), (field, 1)]


@dataclass(frozen=True)
class Counts:
    """How many images a project has; `labelled` are those of which somebody has said what they show."""

    images: int
    labelled: int
    unlabelled: int


@dataclass(frozen=True)
class _Plan:
    """How a list is read.

    Attributes:
        covered: the index holds all that is asked for; documents are read in a second step.
    """

    query: Document
    index: Key
    covered: bool


@shielded
class ImageQueries:
    """Images of a project by filter, sorted, a page at a time."""

    def __init__(self, database: Database[Document]):
        self._database = database
        self._images = database["images"]

    def create_indexes(self) -> None:
        for field in ("name", "created_at", "size"):
            self._images.create_index(facet_key(field))
        for field in ("width", "height"):
            self._images.create_index(range_key(field))
        self._images.create_index(KEYS)
        self._images.create_index(CONTENTS)

    def page(
        self,
        project_id: ObjectId,
        wanted: ImageFilter,
        order: Order,
        limit: int,
        after: Place | None = None,
    ) -> list[StoredImage]:
        """A page of the images that match.

        Args:
            order: by `name`, `created_at` or `size`.
            after: the place behind which to go on.

        Raises:
            Unavailable: it takes too long, in a project with very many images.
        """
        if wanted.class_ids == ():
            return []
        with _in_time():
            plan = _plan(project_id, wanted, order, after, self._narrow(project_id, wanted, order))
            if not plan.covered:
                return [image_of(row) for row in self._rows(plan, order, limit)]
            ids = [row["_id"] for row in self._rows(plan, order, limit, {"_id": 1, order.field: 1})]
            rows = {row["_id"]: row for row in self._images.find({"_id": {"$in": ids}})}
        return [image_of(rows[id]) for id in ids if id in rows]

    def ids(self, project_id: ObjectId, wanted: ImageFilter, most: int) -> list[ObjectId]:
        """Ids of the images that match, the first so many by name."""
        if wanted.class_ids == ():
            return []
        order = Order("name")
        with unhurried():
            rows = self._rows(_plan(project_id, wanted, order, None), order, most, {"_id": 1})
            return [row["_id"] for row in rows]

    def _rows(self, plan: _Plan, order: Order, limit: int, projection: Document | None = None) -> Cursor[Document]:
        direction = -1 if order.descending else 1
        by = [(name, direction) for name in (order.field, *_last(order.field))]
        return self._images.find(plan.query, projection).sort(by).limit(limit).hint(plan.index)

    def _narrow(self, project_id: ObjectId, wanted: ImageFilter, order: Order) -> str | None:
        """The field of a range that few images lie in; None when there is none, or when facets answer anyway."""
        if not _plan(project_id, wanted, order, None).covered:
            return None
        for field, item in wanted.ranges.items():
            if bounds := item.condition():
                query = {"project_id": project_id, field: bounds, **_every(field)}
                hint = dict(range_key(field))
                if self._database.command("count", "images", query=query, hint=hint, limit=_FEW + 1)["n"] <= _FEW:
                    return field
        return None

    def counts(self, project_id: ObjectId) -> Counts:
        """How many images a project has."""
        images = self._count(project_id, EVERY)
        unlabelled = self._count(project_id, state_facet(LabelState.UNLABELLED))
        return Counts(images, images - unlabelled, unlabelled)

    def class_counts(self, project_id: ObjectId, class_ids: tuple[int, ...]) -> dict[int, int]:
        """How many images have an annotation of each class."""
        return {class_id: self._count(project_id, class_facet(class_id)) for class_id in class_ids}

    def _count(self, project_id: ObjectId, facet: str) -> int:
        # The command counts keys of the index; what the driver makes of count_documents reads them one by one.
        query = {"project_id": project_id, "facets": facet}
        answer = self._database.command("count", "images", query=query, hint=dict(facet_key("name")))
        return int(answer["n"])


def _every(field: str) -> Document:
    """What must be asked beside a range for the bounds of its index to be narrow."""
    return {"facets": EVERY} if ("facets", 1) in range_key(field) else {}


def _plan(
    project_id: ObjectId, wanted: ImageFilter, order: Order, after: Place | None, narrow: str | None = None
) -> _Plan:
    """How to read.

    Args:
        narrow: the field of a range that few images lie in.
    """
    facets, conditions = wanted.facets(), wanted.conditions()
    rest: list[Document] = [{field: condition} for field, condition in conditions]
    starts: list[Document] = [{}]
    index, covered = KEYS, False
    if wanted.sha256 is not None:
        starts, index = [{"sha256": wanted.sha256}], CONTENTS
        rest += [any_of(wish) for wish in facets]
    elif facets or {field for field, _ in conditions} <= {order.field}:
        one, *others = facets or [[EVERY]]
        starts, index = _starts(one), facet_key(order.field)
        rest += [any_of(wish) for wish in others]
    elif narrow:
        starts, index = [_every(narrow)], range_key(narrow)
    else:
        covered = True
    behind = _behind(order, after) if after else [{}]
    ways = [{"$and": [{"project_id": project_id, **s, **b}, *rest]} for s in starts for b in behind]
    return _Plan(ways[0] if len(ways) == 1 else {"$or": ways}, index, covered)


def _starts(facets: list[str]) -> list[Document]:
    """Ways to have any of the facets: each a range of an index in order, so that ranges are merged and not sorted."""
    return [{"facets": facet} for facet in facets] if len(facets) <= _MOST_MERGED else [any_of(facets)]


def _behind(order: Order, after: Place) -> list[Document]:
    """The ways to stand behind a place, each a range of an index; together they are in order, so nothing is sorted."""
    beyond = "$lt" if order.descending else "$gt"
    ways: list[Document] = [{order.field: {beyond: after.value}}]
    if _last(order.field):
        ways.append({order.field: {"$eq": after.value}, "_id": {beyond: after.id}})
    return ways


def _last(field: str) -> list[str]:
    """What decides between those that are equal in a field; names differ."""
    return [] if field == "name" else ["_id"]


@contextmanager
def _in_time() -> Iterator[None]:
    try:
        with timeout(_SEARCH_SECONDS):
            yield
    except ExecutionTimeout:
        raise Unavailable(
            "looking through the images of this project takes too long: "
            "narrow it down by a class, a tag, a split or the beginning of the name",
            retry_after_seconds=_RETRY_AFTER_SECONDS,
        ) from None
