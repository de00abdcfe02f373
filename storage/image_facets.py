"""What images are found by: words derived of each in the update that changes it, so that one kind of index serves all.

A document's `facets` are `all`, its split, the state of its labels, its classes and its tags. An index on them and on
what a list is sorted by answers any of these filters in any order, and needs no index for each pair.
"""

from __future__ import annotations

from collections.abc import Iterable
from datetime import datetime
from typing import Any

from storage.database import Document
from storage.image import AUTO_SPLIT, LabelState

EVERY = "all"


def class_facet(class_id: int) -> str:
    """Of images with an annotation of this class."""
    return f"class:{class_id}"


def tag_facet(tag: str) -> str:
    """Of images with this tag."""
    return f"tag:{tag}"


def split_facet(split: str) -> str:
    """Of images in this part; `auto` of those of which each training's seed decides."""
    return f"split:{split or AUTO_SPLIT}"


def state_facet(state: LabelState) -> str:
    """Of images with labels of this state."""
    return state.value


_NAMED_SPLIT: Document = {"$cond": [{"$gt": ["$split", ""]}, "$split", AUTO_SPLIT]}
_STATE: Document = {
    "$switch": {
        "branches": [
            {"case": {"$gt": [{"$size": "$annotations"}, 0]}, "then": LabelState.LABELLED.value},
            {"case": "$background", "then": LabelState.BACKGROUND.value},
        ],
        "default": LabelState.UNLABELLED.value,
    }
}


def _prefixed(prefix: str, values: Document) -> Document:
    return {"$map": {"input": values, "in": {"$concat": [prefix, {"$toString": "$$this"}]}}}


FACETS: Document = {
    "$concatArrays": [
        [EVERY, {"$concat": [split_facet("x")[:-1], _NAMED_SPLIT]}, _STATE],
        _prefixed("class:", {"$setUnion": ["$annotations.class_id"]}),
        _prefixed("tag:", {"$ifNull": ["$tags", []]}),
    ]
}


def change(now: datetime, *stages: Document) -> list[Document]:
    """An update of images: the stages of an aggregation pipeline, then what follows from them.

    Every write of an image's annotations, split or tags goes through here. A text of a user within a stage must be
    wrapped by `literal`, or `$name` would be read as the field of that name.
    """
    follows = {
        "revision": {"$add": [{"$ifNull": ["$revision", 0]}, 1]},
        "updated_at": now,
        "created_at": {"$ifNull": ["$created_at", now]},
    }
    return [*stages, {"$set": {**follows, "facets": FACETS}}]


def literal(fields: Document) -> Document:
    """A stage that sets fields to values as they are."""
    return {"$set": {name: {"$literal": value} for name, value in fields.items()}}


def completed(background: bool) -> list[Document]:
    """An update that gives documents of before what they lack; it is no change of the image.

    Args:
        background: whether no annotation meant that there is no object.
    """
    lacking: dict[str, Any] = {
        "revision": {"$ifNull": ["$revision", 1]},
        "created_at": {"$ifNull": ["$created_at", {"$toDate": "$_id"}]},
        "background": {"$ifNull": ["$background", {"$and": [background, {"$eq": ["$annotations", []]}]}]},
    }
    return [{"$set": lacking}, {"$set": {"facets": FACETS}}]


def any_of(facets: Iterable[str]) -> Document:
    """A condition: at least one of the facets."""
    found = sorted(set(facets))
    return {"facets": found[0] if len(found) == 1 else {"$in": found}}
