"""The members of projects: fields of documents in the `projects` collection, and who may become what."""

from __future__ import annotations

from typing import Any

from bson import ObjectId

from storage.database import Database, Document, shielded
from storage.project import Member, Project
from storage.projects import Projects
from storage.roles import Role
from storage.users import User
from utils import ChangedMeanwhile, Conflict, NotFound, utc_now

MOST_MEMBERS = 200


@shielded
class Members:
    """Roles of users in projects that others own. Each change is one conditional update."""

    def __init__(self, database: Database[Document], projects: Projects):
        self._collection = database["projects"]
        self._projects = projects

    def list_of(self, project: Project) -> list[Member]:
        """The members of a project, in the order in which they came; the owner is none of them."""
        row = self._collection.find_one({"_id": project.id}, {"members": 1}) or {}
        return [Member(item["user_id"], Role(item["role"]), item.get("added_at")) for item in row.get("members", ())]

    def set_role(self, project: Project, user: User, role: Role) -> Project:
        """Make a user a member, or give a member another role.

        Raises:
            Conflict: it is the owner, or there are as many members as allowed.
            NotFound: the project was deleted meanwhile.
        """
        member = {"user_id": user.id, "role": role.value, "added_at": _added_at(user.id)}
        room = [{"members.user_id": user.id}, {f"members.{MOST_MEMBERS - 1}": {"$exists": False}}]
        try:
            return self._projects.update(
                project, {"owner_id": {"$ne": user.id}, "$or": room}, _with(_others(user.id), member)
            )
        except ChangedMeanwhile:
            if self._projects.refresh(project).owner_id == user.id:
                raise Conflict(
                    f"'{user.username}' owns the project: hand it over to a member first (transfer)"
                ) from None
            raise Conflict(f"a project has at most {MOST_MEMBERS} members") from None

    def remove(self, project: Project, user: User) -> Project:
        """Take a member's role away.

        Raises:
            Conflict: it is the owner.
            NotFound: the user is no member, or the project was deleted meanwhile.
        """
        try:
            return self._projects.update(project, {"members.user_id": user.id}, _with(_others(user.id)))
        except ChangedMeanwhile:
            if self._projects.refresh(project).owner_id == user.id:
                raise Conflict(
                    f"'{user.username}' owns the project: hand it over to a member first (transfer), or delete it"
                ) from None
            raise NotFound(f"'{user.username}' is no member of the project") from None

    def transfer(self, project: Project, user: User) -> Project:
        """Make a member the owner, and the owner an editor.

        Raises:
            Conflict: the user is no member, or the owner is another one by now.
            NotFound: the project was deleted meanwhile.
        """
        editor = {"user_id": project.owner_id, "role": Role.EDITOR.value, "added_at": "$$NOW"}
        stages = _with(_others(user.id), editor)
        stages[0]["$set"]["owner_id"] = user.id
        try:
            return self._projects.update(project, {"owner_id": project.owner_id, "members.user_id": user.id}, stages)
        except ChangedMeanwhile:
            raise Conflict(f"'{user.username}' is no member of the project: make them one first") from None

    def remove_everywhere(self, user_id: ObjectId) -> None:
        """Take the roles of an account that is gone away, in every project."""
        self._collection.update_many({"members.user_id": user_id}, {"$pull": {"members": {"user_id": user_id}}})

    def user_ids(self) -> list[ObjectId]:
        """Ids of all users who are members of a project, whether or not their accounts still exist."""
        # The index has a key for a project without members, which is nobody.
        return [id for id in self._collection.distinct("members.user_id") if id]


def _others(user_id: ObjectId) -> Document:
    members = {"$ifNull": ["$members", []]}
    return {"$filter": {"input": members, "cond": {"$ne": ["$$this.user_id", user_id]}}}


def _added_at(user_id: ObjectId) -> Any:
    """When the user became a member: now, unless they are one."""
    members = {"$ifNull": ["$members", []]}
    own = {"$filter": {"input": members, "cond": {"$eq": ["$$this.user_id", user_id]}}}
    return {"$ifNull": [{"$first": {"$map": {"input": own, "in": "$$this.added_at"}}}, "$$NOW"]}


def _with(others: Document, *more: Document) -> list[Document]:
    """An update that leaves these members."""
    counted = {"revision": {"$add": [{"$ifNull": ["$revision", 0]}, 1]}, "updated_at": utc_now()}
    return [{"$set": {"members": {"$concatArrays": [others, list(more)]}, **counted}}]
