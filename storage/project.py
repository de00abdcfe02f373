"""A project as it is stored, and who may do what in it."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field, replace
from datetime import datetime
from typing import Any

from bson import ObjectId

from storage.database import Document
from storage.image import StoredAnnotation
from storage.roles import Role
from storage.served import NO_PUBLICATION, Publication, publication_of
from storage.users import User
from utils import Forbidden, NotFound, utc_now


@dataclass(frozen=True)
class Member:
    """Somebody who is no owner of a project and has a role in it."""

    user_id: ObjectId
    role: Role
    added_at: datetime | None = None


@dataclass(frozen=True)
class Project:
    """A project.

    Attributes:
        class_ids: stable ids of `classes`, in the same order; annotations refer to these, not to positions.
        retired: ids and names of classes that left the list. A name that comes back gets its id back, and with it
            its annotations.
        merged: classes that went into another, by id; an annotation that names one of them is one of the other.
        deleted: ids of classes that went with their annotations; one that names them still counts for nothing.
        classes_revision: counts the changes of the class list.
        members: roles of other users, by user id.
        group_pattern: a regular expression on names of images; what it finds in them names groups that the split keeps
            together (`datasets.grouping`). Empty for none.
        updated_at: when people have changed the document last; None when they never did since it was made.
        revision: counts those changes; 0 of one that was never changed since there are revisions.
    """

    id: ObjectId
    owner_id: ObjectId
    name: str
    type: str
    classes: tuple[str, ...] = ()
    class_ids: tuple[int, ...] = ()
    retired: dict[int, str] = field(default_factory=dict)
    classes_revision: int = 0
    model_id: ObjectId | None = None
    model_version: int = 0
    is_published: bool = False
    members: dict[ObjectId, Role] = field(default_factory=dict)
    publication: Publication = NO_PUBLICATION
    merged: dict[int, int] = field(default_factory=dict)
    deleted: frozenset[int] = frozenset()
    description: str = ""
    group_pattern: str = ""
    created_at: datetime | None = None
    updated_at: datetime | None = None
    revision: int = 0

    def role_of(self, user_id: ObjectId) -> Role | None:
        """What a user is to the project; None when it is none of their business."""
        if user_id == self.owner_id:
            return Role.OWNER
        return self.members.get(user_id) or (Role.GUEST if self.is_published else None)

    @property
    def made_at(self) -> datetime:
        """When it was made."""
        return self.created_at or self.id.generation_time

    @property
    def served_model_id(self) -> ObjectId:
        """The model that answers for the project.

        Raises:
            NotFound: nothing is trained yet.
        """
        if self.model_id is None:
            raise NotFound(f"the project '{self.name}' has no trained model yet")
        return self.model_id

    @property
    def known_class_ids(self) -> set[int]:
        """Ids of every class that the project has or had."""
        return {*self.class_ids, *self.retired, *self.merged, *self.deleted}

    def class_name(self, class_id: int) -> str:
        """Name of a class, current or retired.

        Every class that an annotation refers to is one of these, if the project was read after the annotation and
        the annotation is one of `annotations_now`.
        """
        class_id = self.merged.get(class_id, class_id)
        return dict(zip(self.class_ids, self.classes, strict=True)).get(class_id) or self.retired[class_id]

    def annotations_now(self, annotations: Iterable[StoredAnnotation]) -> tuple[StoredAnnotation, ...]:
        """What annotations mean today: classes were merged, or deleted with their annotations.

        The images follow such a change one batch after the other, and an image that was being labelled at that moment
        later than the others.
        """
        return tuple(
            replace(item, class_id=self.merged[item.class_id]) if item.class_id in self.merged else item
            for item in annotations
            if item.class_id not in self.deleted
        )


def new_project(owner: User, name: str, type: str, classes: tuple[str, ...] = (), description: str = "") -> Document:
    """The document of a project without images."""
    now = utc_now()
    now = now.replace(microsecond=now.microsecond // 1000 * 1000)  # as MongoDB keeps it
    return {
        "owner_id": owner.id,
        "name": name,
        "type": type,
        "description": description,
        "group_pattern": "",
        "classes": [{"id": number, "name": class_name} for number, class_name in enumerate(classes)],
        "retired": [],
        "classes_revision": 0,
        "model_id": None,
        "model_version": 0,
        "is_published": False,
        "members": [],
        "created_at": now,
        "updated_at": now,
        "revision": 1,
    }


def project_of(row: Document) -> Project:
    """The project that a document describes; those of before lack what was added later."""
    gone = [item for item in row["retired"] if "into" in item]
    later = ("description", "group_pattern", "created_at", "updated_at", "revision")
    return Project(
        id=row["_id"],
        owner_id=row["owner_id"],
        name=row["name"],
        type=row["type"],
        classes=tuple(item["name"] for item in row["classes"]),
        class_ids=tuple(item["id"] for item in row["classes"]),
        retired={item["id"]: item["name"] for item in row["retired"] if "into" not in item},
        merged={item["id"]: item["into"] for item in gone if item["into"] is not None},
        deleted=frozenset(item["id"] for item in gone if item["into"] is None),
        classes_revision=row["classes_revision"],
        model_id=row["model_id"],
        model_version=row["model_version"],
        is_published=row["is_published"],
        members={member["user_id"]: Role(member["role"]) for member in row.get("members", ())},
        publication=publication_of(row.get("publication")),
        **{name: row[name] for name in later if name in row},
    )


def changed(fields: Document) -> dict[str, Any]:
    """The update that a person's change of a project is."""
    return {"$set": {**fields, "updated_at": utc_now()}, "$inc": {"revision": 1}}


def allowed(row: Document | None, asked: str, user: User, needed: Role, private: bool) -> Project:
    """The one place that decides who may do what in a project.

    Whoever is not a member learns only what anybody may know of a published project: 404 when `private`, so that a
    project's existence shows to nobody else, and 403 otherwise. A member whose role is too low is told so.
    """
    project = project_of(row) if row else None
    role = project.role_of(user.id) if project else None
    if project and role and role.covers(needed):
        return project
    if project and role in (Role.VIEWER, Role.EDITOR):
        raise Forbidden(f"you are {role.value} of the project '{project.name}': only {_AT_LEAST[needed]} may do this")
    if project and not private:
        raise Forbidden(f"the project '{asked}' belongs to another user")
    raise NotFound(f"there is no project '{asked}'")


_AT_LEAST = {Role.EDITOR: "an editor or its owner", Role.OWNER: "its owner"}
