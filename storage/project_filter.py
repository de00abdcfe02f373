"""Which of the projects that are a user's business a list holds, as a query that indexes answer."""

from __future__ import annotations

import re
from dataclasses import dataclass

from bson import ObjectId

from storage.database import Document
from storage.roles import Role


@dataclass(frozen=True)
class ProjectFilter:
    """What is asked of a project; None asks nothing.

    Attributes:
        role: that the user has in it.
        trained: whether a model answers for it.
        text: stands in its name or description, in any case.
    """

    type: str | None = None
    role: Role | None = None
    published: bool | None = None
    trained: bool | None = None
    text: str | None = None

    def query(self, user_id: ObjectId) -> Document:
        """A query for projects of the user; what it begins with names few, by an index on owners or on members."""
        conditions = [self._users(user_id)]
        if self.type is not None:
            conditions.append({"type": self.type})
        if self.published is not None:
            conditions.append({"is_published": self.published})
        if self.trained is not None:
            conditions.append({"model_id": {"$ne": None} if self.trained else None})
        if self.text is not None:
            found = {"$regex": re.escape(self.text), "$options": "i"}
            conditions.append({"$or": [{"name": found}, {"description": found}]})
        return {"$and": conditions} if len(conditions) > 1 else conditions[0]

    def _users(self, user_id: ObjectId) -> Document:
        if self.role is Role.OWNER:
            return {"owner_id": user_id}
        if self.role is not None:
            return {"members": {"$elemMatch": {"user_id": user_id, "role": self.role.value}}}
        return {"$or": [{"owner_id": user_id}, {"members.user_id": user_id}]}


EVERY = ProjectFilter()
