"""The `projects` collection: owner, unique name, type, classes, current model, published or not."""

from __future__ import annotations

from collections.abc import Callable, Iterator

from bson import ObjectId
from pymongo import ReturnDocument
from pymongo.errors import DuplicateKeyError

from storage.class_list import ClassList
from storage.database import Database, Document, every, shielded
from storage.order import NEWEST_FIRST, Order, Place, ordered
from storage.project import Project, allowed, changed, new_project, project_of
from storage.project_filter import EVERY, ProjectFilter
from storage.roles import Role
from storage.served import (
    WITHOUT_HISTORY,
    answers_now,
    publishes,
    withdraws,
)
from storage.users import User
from utils import ChangedMeanwhile, Conflict, NotFound


@shielded
class Projects:
    """Projects by name; names are unique over all users, because others infer by name."""

    def __init__(self, database: Database[Document]):
        self._projects = database["projects"]

    def create_indexes(self) -> None:
        self._projects.create_index("name", unique=True)
        self._projects.create_index("owner_id")
        self._projects.create_index("members.user_id")
        self._projects.create_index("retired.into", sparse=True)
        self._projects.create_index("model_id")

    def create(
        self,
        owner: User,
        name: str,
        type: str,
        request_key: str | None = None,
        classes: tuple[str, ...] = (),
        description: str = "",
    ) -> Project:
        """Create an unpublished project without images.

        Args:
            request_key: of the request that wants it; made again, it gives the project that it made before.

        Raises:
            Conflict: the name is taken, by anybody.
        """
        row = new_project(owner, name, type, classes, description)
        if request_key:
            row["request_key"] = request_key
        try:
            self._projects.insert_one(row)
        except DuplicateKeyError:
            if request_key and (made := self._projects.find_one({"name": name, "request_key": request_key})):
                return project_of(made)
            raise _taken(name) from None
        return project_of(row)

    def named(self, name: str, user: User, role: Role = Role.OWNER, private: bool = False) -> Project:
        """The project of this name, if the user has the role in it.

        Args:
            private: a project that is none of the user's business is answered as if it did not exist.

        Raises:
            NotFound: there is no project of this name.
            Forbidden: the user has no such role in it.
        """
        return allowed(self._projects.find_one({"name": name}, WITHOUT_HISTORY), name, user, role, private)

    def find(self, reference: str, user: User, role: Role) -> Project:
        """The project of this id or name, if the user has the role in it; as `named`, and always private."""
        row = None
        if ObjectId.is_valid(reference):
            row = self._projects.find_one({"_id": ObjectId(reference)}, WITHOUT_HISTORY)
        row = row or self._projects.find_one({"name": reference}, WITHOUT_HISTORY)
        return allowed(row, reference, user, role, private=True)

    def published(self, name: str) -> Project:
        """The published project of this name.

        Raises:
            NotFound: no such project, or not published; not told apart.
        """
        row = self._projects.find_one({"name": name, "is_published": True}, WITHOUT_HISTORY)
        if row is None:
            raise NotFound(f"there is no published project '{name}'")
        return project_of(row)

    def get(self, project_id: ObjectId) -> Project | None:
        """The project of this id, or None."""
        row = self._projects.find_one({"_id": project_id}, WITHOUT_HISTORY)
        return project_of(row) if row else None

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
        return [project_of(row) for row in self._projects.find(query, WITHOUT_HISTORY).sort("_id", 1)]

    def list_of(
        self,
        user: User,
        limit: int,
        wanted: ProjectFilter = EVERY,
        order: Order = NEWEST_FIRST,
        after: Place | None = None,
    ) -> list[Project]:
        """A page of the projects that the user owns or is a member of.

        Args:
            after: the place behind which to go on.
        """
        return [project_of(row) for row in ordered(self._projects, wanted.query(user.id), limit, order, after)]

    def change(self, project: Project, fields: Document, revision: int | None = None) -> Project:
        """Change `name`, `description` or `group_pattern`.

        Args:
            revision: of the project, which must be the present one; None where any is good.

        Raises:
            Conflict: the name is taken, by anybody.
            ChangedMeanwhile: it is of another revision; nothing is changed.
            NotFound: the project was deleted meanwhile.
        """
        try:
            return self._update(project, {} if revision is None else at_revision(revision), changed(fields))
        except DuplicateKeyError:
            raise _taken(fields["name"]) from None

    def update(self, project: Project, condition: Document, update: Document | list[Document]) -> Project:
        """Change a project's document while a condition holds; the project as it is now.

        Raises:
            ChangedMeanwhile: it does not hold; nothing is changed.
            NotFound: the project was deleted meanwhile.
        """
        return self._update(project, condition, update)

    def _update(self, project: Project, condition: Document, update: Document | list[Document]) -> Project:
        row = self._projects.find_one_and_update(
            {"_id": project.id, **condition}, update, return_document=ReturnDocument.AFTER
        )
        if row is None:
            self.refresh(project)
            raise ChangedMeanwhile("the project has been changed since you read it: read it again, then decide")
        return project_of(row)

    def set_classes(self, project: Project, names: tuple[str, ...]) -> Project:
        """Replace the class list; see `ClassList.replaced` and `change_classes`."""
        return self.change_classes(project, lambda now: now.replaced(names))

    def change_classes(
        self, project: Project, decide: Callable[[ClassList], ClassList], revision: int | None = None
    ) -> Project:
        """Change the class list, by one conditional update.

        A name that stays or comes back keeps its id, so annotations keep their meaning whatever the new order. A
        name that goes is kept as retired, with the annotations that refer to it; training then asks for it back.

        Args:
            decide: gives the new list, or the same for no change; called again when somebody else was quicker.
            revision: of the list that must be the present one; None where any is good.

        Raises:
            ChangedMeanwhile: the list is of another revision; nothing is changed.
            NotFound: the project was deleted meanwhile.
            InvalidInput: more classes than allowed, or than can be remembered have left the list.
        """
        while revision is None or revision == project.classes_revision:
            now = ClassList.of(project)
            wanted = decide(now)
            if wanted is now:
                return project
            update = changed(wanted.fields(project))
            update["$inc"]["classes_revision"] = 1
            row = self._projects.find_one_and_update(
                {"_id": project.id, "classes_revision": project.classes_revision},
                update,
                return_document=ReturnDocument.AFTER,
            )
            if row:
                return project_of(row)
            project = self.refresh(project)  # somebody else changed the list: decide again on what is there now
        raise ChangedMeanwhile("the class list has been changed since you read it: read it again, then decide")

    def publish(self, project: Project, published: bool) -> None:
        """Publish or withdraw; doing it twice is no error.

        Raises:
            Conflict: nothing is trained yet.
            NotFound: the project was deleted meanwhile.
        """
        query: Document = {"_id": project.id}
        if published:
            query["model_id"] = {"$ne": None}
        if self._projects.update_one(query, [publishes()] if published else withdraws()).matched_count:
            return
        self.refresh(project)
        raise Conflict(f"the project '{project.name}' has no trained model yet: train it, then publish it")

    def serve(self, project_id: ObjectId, model_id: ObjectId, version: int) -> bool:
        """Let a model answer for the project, unless a newer one does or the publication pins one.

        False when nothing was changed.
        """
        query = {"_id": project_id, "model_version": {"$lt": version}, "publication.version": None}
        return bool(self._projects.update_one(query, [answers_now(model_id, version)]).modified_count)

    def serve_first(self, project_id: ObjectId, model_id: ObjectId, version: int) -> bool:
        """Let a model answer for a project for which none does; false when nothing was changed."""
        query = {"_id": project_id, "model_id": None}
        return bool(self._projects.update_one(query, [answers_now(model_id, version)]).modified_count)

    def serve_instead(self, project: Project, model_id: ObjectId | None, version: int, published: bool) -> bool:
        """Put right what answers for a project whose model is lost or does not work; no pin holds any more.

        False when another model answers by now, which is left alone.

        Args:
            model_id: may be older than the present one; None when there is nothing to serve.
        """
        query = {"_id": project.id, "model_id": project.model_id}
        stages: list[Document] = [{"$set": {"is_published": published}}, {"$unset": "publication.version"}]
        if model_id != project.model_id:
            stages.append(answers_now(model_id, version))
        return bool(self._projects.update_one(query, stages).matched_count)

    def names_of(self, user: User) -> dict[ObjectId, str]:
        """Names of all projects that the user owns or is a member of, by id."""
        query = {"$or": [{"owner_id": user.id}, {"members.user_id": user.id}]}
        return {row["_id"]: row["name"] for row in self._projects.find(query, {"name": 1})}

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

    def with_gone_classes(self) -> list[ObjectId]:
        """Ids of all projects of which a class was merged into another, or deleted with its annotations."""
        return [row["_id"] for row in self._projects.find({"retired.into": {"$exists": True}}, {"_id": 1})]

    def serving(self, model_ids: list[ObjectId]) -> set[ObjectId]:
        """Those of the models that answer for a project."""
        return {row["model_id"] for row in self._projects.find({"model_id": {"$in": model_ids}}, {"model_id": 1})}

    def types(self) -> Iterator[tuple[ObjectId, str]]:
        """Id and type of every project."""
        return ((row["_id"], row["type"]) for row in every(self._projects, {}, {"type": 1}))

    def served(self, published_only: bool = False) -> Iterator[Project]:
        """Every project that has a model."""
        query: Document = {"model_id": {"$ne": None}}
        if published_only:
            query["is_published"] = True
        return map(project_of, every(self._projects, query))


def at_revision(revision: int) -> Document:
    """A condition: the project is of this revision. What was never changed since there are revisions has none."""
    return {"revision": revision or {"$in": [0, None]}}


def _taken(name: str) -> Conflict:
    return Conflict(f"the project name '{name}' is taken: choose another")


__all__ = ["Project", "Projects"]
