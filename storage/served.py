"""Which model answers for a project, and which ones did: fields of a document in the `projects` collection."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from typing import Any

from bson import ObjectId

from storage.database import Document

MOST_SERVED = 100
WITHOUT_HISTORY = {"served": 0}


@dataclass(frozen=True)
class Served:
    """That a model came to answer.

    Attributes:
        at: None of the one that answered before this was written down.
        by: name of the user who chose it; None when it was the end of a training.
    """

    model_id: ObjectId
    version: int
    at: datetime | None
    by: str | None


@dataclass(frozen=True)
class Publication:
    """What a published project says of itself.

    Attributes:
        version: of the model that answers whatever is trained later; None when the newest training answers.
        licence: an SPDX identifier or a text; empty when nothing is said.
        example_id: image of the project that shows what the model does.
        published_at: None while it is not published, and of what was published before this was written down.
    """

    version: int | None = None
    description: str = ""
    licence: str = ""
    example_id: ObjectId | None = None
    published_at: datetime | None = None


NO_PUBLICATION = Publication()


def publication_of(row: Document | None) -> Publication:
    """The publication that a document describes."""
    names = Publication.__dataclass_fields__
    return Publication(**{name: value for name, value in (row or {}).items() if name in names})


def served_of(rows: list[Document]) -> tuple[Served, ...]:
    """The history that a document holds, oldest first."""
    return tuple(Served(**row) for row in rows)


def answers_now(model_id: ObjectId | None, version: int, by: str | None = None) -> Document:
    """Let a model answer: a stage of an update. The history begins with what answered before there was one."""
    known: dict[str, Any] = {"$ifNull": ["$served", []]}
    before = {"model_id": "$model_id", "version": "$model_version", "at": None, "by": None}
    unknown = {"$and": [{"$eq": [{"$size": known}, 0]}, {"$ne": [{"$ifNull": ["$model_id", None]}, None]}]}
    history: list[Any] = [{"$cond": [unknown, [before], known]}]
    if model_id is not None:
        history.append([{"model_id": model_id, "version": version, "at": "$$NOW", "by": {"$literal": by}}])
    served = {"$slice": [{"$concatArrays": history}, -MOST_SERVED]}
    return {"$set": {"served": served, "model_id": {"$literal": model_id}, "model_version": version}}


def publishes() -> Document:
    """Publish: a stage of an update; what is published already keeps its moment."""
    since = {"$cond": ["$is_published", {"$ifNull": ["$publication.published_at", "$created_at"]}, "$$NOW"]}
    return {"$set": {"is_published": True, "publication.published_at": since}}


def withdraws() -> list[Document]:
    """Withdraw: stages of an update. What was said stays for the next time, and trainings serve again."""
    return [{"$set": {"is_published": False}}, {"$unset": ["publication.published_at", "publication.version"]}]
