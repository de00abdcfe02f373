"""`/api/v1/projects/<project>/members`: who has which role in a project."""

from __future__ import annotations

from typing import Any

from api.operation import Page, operation
from api.pagination import whole
from api.v1.located import ProjectResource
from api.v1.project_answers import MemberShown
from api.v1.project_representation import members_shown
from api.v1.project_schemas import NewRole
from storage.roles import Role
from storage.users import User
from utils import Forbidden, NotFound


class MemberList(ProjectResource):
    """The owner and the members."""

    @operation(gives=Page[MemberShown])
    def get(self) -> dict[str, Any]:
        """List them, the owner first."""
        store = self.services.store
        shown = members_shown(store, self.project, store.members.list_of(self.project))
        return whole([member.model_dump(mode="json") for member in shown])


class MemberItem(ProjectResource):
    """One user's role."""

    @operation(takes=NewRole, gives=MemberShown, errors=(404, 409))
    def put(self, new: NewRole, username: str) -> MemberShown:
        """Make a user a viewer or an editor."""
        store, user = self.services.store, self._named(username)
        project = store.members.set_role(self.project, user, Role(new.role.value))
        members = [member for member in store.members.list_of(project) if member.user_id == user.id]
        return members_shown(store, project, members)[-1]

    @operation(status=204, errors=(404, 409))
    def delete(self, username: str) -> None:
        """Take the role away: the owner anybody's, a member their own."""
        user = self._named(username)
        if user.id != self.user.id and self.project.role_of(self.user.id) is not Role.OWNER:
            raise Forbidden(f"only the owner of the project '{self.project.name}' may take the role of others away")
        self.services.store.members.remove(self.project, user)

    def _named(self, username: str) -> User:
        user = self.services.store.users.find(username)
        if user is None:
            raise NotFound(f"there is no user '{username[:100]}'")
        return user
