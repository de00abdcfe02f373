"""The `projects` collection: owner, unique name, type, classes, current model, published or not."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any

from bson import ObjectId
from pymongo import ReturnDocument
from pymongo.errors import DuplicateKeyError

from storage.database import Database, Document, every, shielded
from storage.roles import Role
from storage.users import User
from utils import Conflict, Forbidden, InvalidInput, NotFound, utc_now

MOST_RETIRED = 10_000


@dataclass(frozen=True)
class Project:
    """A project.

    Attributes:
        class_ids: stable ids of `classes`, in the same order; annotations refer to these, not to positions.
        retired: ids and names of classes that left the list. A name that comes back gets its id back, and with it
            its annotations.
        members: roles of other users, by user id.
        group_pattern: a regular expression on names of images; what it finds in them names groups that the split keeps
            together (`datasets.grouping`). Empty for none.
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
    group_pattern: str = ""

    def role_of(self, user_id: ObjectId) -> Role | None:
        """What a user is to the project; None when it is none of their business."""
        if user_id == self.owner_id:
            return Role.OWNER
        return self.members.get(user_id) or (Role.GUEST if self.is_published else None)

    @property
    def served_model_id(self) -> ObjectId:
        """The model that answers for the project.

        Raises:
            NotFound: nothing is trained yet.
        """
        if self.model_id is None:
            raise NotFound(f"the project '{self.name}' has no trained model yet")
        return self.model_id

    def class_name(self, class_id: int) -> str:
        """Name of a class, current or retired.

        Every class that an annotation refers to is one of these, if the project was read after the annotation.
        """
        return dict(zip(self.class_ids, self.classes, strict=True)).get(class_id) or self.retired[class_id]


def _project(row: Document) -> Project:
    return Project(
        id=row["_id"],
        owner_id=row["owner_id"],
        name=row["name"],
        type=row["type"],
        classes=tuple(item["name"] for item in row["classes"]),
        class_ids=tuple(item["id"] for item in row["classes"]),
        retired={item["id"]: item["name"] for item in row["retired"]},
        classes_revision=row["classes_revision"],
        model_id=row["model_id"],
        model_version=row["model_version"],
        is_published=row["is_published"],
        members={member["user_id"]: Role(member["role"]) for member in row.get("members", ())},
        group_pattern=row.get("group_pattern", ""),
    )


@shielded
class Projects:
    """Projects by name; names are unique over all users, because others infer by name."""

    def __init__(self, database: Database[Document]):
        self._projects = database["projects"]

    def create_indexes(self) -> None:
        self._projects.create_index("name", unique=True)
        self._projects.create_index("owner_id")
        self._projects.create_index("model_id")

    def create(self, owner: User, name: str, type: str, request_key: str | None = None) -> Project:
        """Create an empty, unpublished project.

        Args:
            request_key: of the request that wants it; made again, it gives the project that it made before.

        Raises:
            Conflict: the name is taken, by anybody.
        """
        row: dict[str, Any] = {
            "owner_id": owner.id,
            "name": name,
            "type": type,
            "classes": [],
            "retired": [],
            "classes_revision": 0,
            "model_id": None,
            "model_version": 0,
            "is_published": False,
            "created_at": utc_now(),
        }
        if request_key:
            row["request_key"] = request_key
        try:
            self._projects.insert_one(row)
        except DuplicateKeyError:
            if request_key and (made := self._projects.find_one({"name": name, "request_key": request_key})):
                return _project(made)
            raise Conflict(f"the project name '{name}' is taken: choose another") from None
        return _project(row)

    def named(self, name: str, user: User, role: Role = Role.OWNER, private: bool = False) -> Project:
        """The project of this name, if the user has the role in it.

        Args:
            private: a project that is none of the user's business is answered as if it did not exist.

        Raises:
            NotFound: there is no project of this name.
            Forbidden: the user has no such role in it.
        """
        return _allowed(self._projects.find_one({"name": name}), name, user, role, private)

    def find(self, reference: str, user: User, role: Role) -> Project:
        """The project of this id or name, if the user has the role in it; as `named`, and always private."""
        row = None
        if ObjectId.is_valid(reference):
            row = self._projects.find_one({"_id": ObjectId(reference)})
        row = row or self._projects.find_one({"name": reference})
        return _allowed(row, reference, user, role, private=True)

    def published(self, name: str) -> Project:
        """The published project of this name.

        Raises:
            NotFound: no such project, or not published; not told apart.
        """
        row = self._projects.find_one({"name": name, "is_published": True})
        if row is None:
            raise NotFound(f"there is no published project '{name}'")
        return _project(row)

    def get(self, project_id: ObjectId) -> Project | None:
        """The project of this id, or None."""
        row = self._projects.find_one({"_id": project_id})
        return _project(row) if row else None

    def refresh(self, project: Project) -> Project:
        """The project as it is now.

        Raises:
            NotFound: it was deleted meanwhile.
        """
        current = self.get(project.id)
        if current is None:
            raise NotFound(f"there is no project '{project.name}'")
        return current

    def list_owned(self, owner: User, published_only: bool = False) -> list[Project]:
        """The user's projects, oldest first."""
        query: Document = {"owner_id": owner.id}
        if published_only:
            query["is_published"] = True
        return [_project(row) for row in self._projects.find(query).sort("_id", 1)]

    def set_classes(self, project: Project, names: tuple[str, ...]) -> Project:
        """Replace the class list; classes are told apart by name.

        A name that stays or comes back keeps its id, so annotations keep their meaning whatever the new order. A
        name that goes is kept as retired, with the annotations that refer to it; training then asks for it back.

        Raises:
            NotFound: the project was deleted meanwhile.
            InvalidInput: more classes than can be remembered have left the list.
        """
        while True:
            row = self._projects.find_one_and_update(
                {"_id": project.id, "classes_revision": project.classes_revision},
                {"$set": _class_fields(project, names), "$inc": {"classes_revision": 1}},
                return_document=ReturnDocument.AFTER,
            )
            if row:
                return _project(row)
            project = self.refresh(project)  # somebody else changed the list: decide again on what is there now

    def publish(self, project: Project, published: bool) -> None:
        """Publish or withdraw; doing it twice is no error.

        Raises:
            Conflict: nothing is trained yet.
            NotFound: the project was deleted meanwhile.
        """
        query: Document = {"_id": project.id}
        if published:
            query["model_id"] = {"$ne": None}
        if self._projects.update_one(query, {"$set": {"is_published": published}}).matched_count:
            return
        self.refresh(project)
        raise Conflict(f"the project '{project.name}' has no trained model yet: train it, then publish it")

    def serve(self, project_id: ObjectId, model_id: ObjectId, version: int) -> bool:
        """Let a model answer for the project, unless a newer one does; false when nothing was changed."""
        return bool(
            self._projects.update_one(
                {"_id": project_id, "model_version": {"$lt": version}},
                {"$set": {"model_id": model_id, "model_version": version}},
            ).modified_count
        )

    def serve_first(self, project_id: ObjectId, model_id: ObjectId, version: int) -> bool:
        """Let a model answer for a project for which none does; false when nothing was changed."""
        return bool(
            self._projects.update_one(
                {"_id": project_id, "model_id": None}, {"$set": {"model_id": model_id, "model_version": version}}
            ).modified_count
        )

    def serve_version(self, project_id: ObjectId, model_id: ObjectId, version: int) -> bool:
        """Let any model of the project answer for it, newer or older; false when the project is gone."""
        change = {"$set": {"model_id": model_id, "model_version": version}}
        return bool(self._projects.update_one({"_id": project_id}, change).matched_count)

    def serve_instead(self, project: Project, model_id: ObjectId | None, version: int, published: bool) -> bool:
        """Put right what answers for a project whose model is lost or does not work.

        False when another model answers by now, which is left alone.

        Args:
            model_id: may be older than the present one; None when there is nothing to serve.
        """
        change = {"model_id": model_id, "model_version": version, "is_published": published}
        query = {"_id": project.id, "model_id": project.model_id}
        return bool(self._projects.update_one(query, {"$set": change}).matched_count)

    def delete(self, project_id: ObjectId) -> None:
        """Delete the project itself; from here on nothing in it counts."""
        self._projects.delete_one({"_id": project_id})

    def existing(self, project_ids: list[ObjectId]) -> set[ObjectId]:
        """Those of the ids that are projects."""
        return {row["_id"] for row in self._projects.find({"_id": {"$in": project_ids}}, {"_id": 1})}

    def ids_of(self, owner_id: ObjectId) -> list[ObjectId]:
        """Ids of a user's projects, whether or not the account still exists."""
        return [row["_id"] for row in self._projects.find({"owner_id": owner_id}, {"_id": 1})]

    def owner_ids(self) -> list[ObjectId]:
        """Ids of all users who have projects, whether or not their accounts still exist."""
        return self._projects.distinct("owner_id")

    def serving(self, model_ids: list[ObjectId]) -> set[ObjectId]:
        """Those of the models that answer for a project."""
        return {row["model_id"] for row in self._projects.find({"model_id": {"$in": model_ids}}, {"model_id": 1})}

    def served(self, published_only: bool = False) -> Iterator[Project]:
        """Every project that has a model."""
        query: Document = {"model_id": {"$ne": None}}
        if published_only:
            query["is_published"] = True
        return map(_project, every(self._projects, query))


def _allowed(row: Document | None, asked: str, user: User, needed: Role, private: bool) -> Project:
    """The one place that decides who may do what in a project.

    Whoever is not a member learns only what anybody may know of a published project: 404 when `private`, so that a
    project's existence shows to nobody else, and 403 otherwise. A member whose role is too low is told so.
    """
    project = _project(row) if row else None
    role = project.role_of(user.id) if project else None
    if project and role and role.covers(needed):
        return project
    if project and role in (Role.VIEWER, Role.EDITOR):
        raise Forbidden(f"you are {role.value} of the project '{project.name}': only {_AT_LEAST[needed]} may do this")
    if project and not private:
        raise Forbidden(f"the project '{asked}' belongs to another user")
    raise NotFound(f"there is no project '{asked}'")


_AT_LEAST = {Role.EDITOR: "an editor or its owner", Role.OWNER: "its owner"}


def _class_fields(project: Project, names: tuple[str, ...]) -> Document:
    known = dict(zip(project.classes, project.class_ids, strict=True))
    known.update({name: class_id for class_id, name in project.retired.items()})
    unused = max(known.values(), default=-1) + 1
    classes = []
    for name in names:
        if name not in known:
            known[name], unused = unused, unused + 1
        classes.append({"id": known[name], "name": name})
    kept = {item["id"] for item in classes}
    retired = [{"id": class_id, "name": name} for name, class_id in known.items() if class_id not in kept]
    if len(retired) > MOST_RETIRED:
        raise InvalidInput(
            f"more than {MOST_RETIRED:,} classes have left the list of '{project.name}': "
            "name some of them again, or start a new project"
        )
    return {"classes": classes, "retired": retired}
