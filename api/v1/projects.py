"""`/api/v1/projects`: what the caller owns or is a member of."""

from __future__ import annotations

from typing import Any

from api.etags import etag, wanted_revision
from api.operation import Page, operation
from api.pagination import page, position
from api.resource import PlatformResource
from api.v1.located import ProjectResource
from api.v1.project_answers import ProjectInList, ProjectShown
from api.v1.project_representation import project_shown, project_url, projects_in_list
from api.v1.project_schemas import NewProject, ProjectChange, ProjectsQuery, Transfer
from storage.order import Order, Place
from storage.project import Project
from storage.project_filter import ProjectFilter
from storage.roles import Role
from utils import Forbidden, InvalidInput, NotFound

REVISION = {"ETag": "the revision, for If-Match"}


class ProjectList(PlatformResource):
    """The caller's projects, and those of others in which the caller has a role."""

    @operation(takes=ProjectsQuery, gives=Page[ProjectInList])
    def get(self, query: ProjectsQuery) -> dict[str, Any]:
        """List them, newest first unless sorted otherwise."""
        store, order = self.services.store, Order.named(query.sort)
        role = Role(query.role) if query.role else None
        wanted = ProjectFilter(query.type, role, query.published, query.trained, query.q)
        rows = store.projects.list_of(self.user, query.limit + 1, wanted, order, position(query.cursor, order))
        shown = {item.id: item for item in projects_in_list(store, rows, self.user)}
        return page(
            rows,
            query.limit,
            show=lambda row: shown[str(row.id)].model_dump(mode="json"),
            place=lambda row: Place(getattr(row, order.field), row.id),
            order=order,
        )

    @operation(
        takes=NewProject, gives=ProjectShown, status=201, errors=(409,), headers={"Location": "the project"} | REVISION
    )
    def post(self, new: NewProject) -> tuple[ProjectShown, dict[str, str]]:
        """Make one, empty but for its class list; the caller owns it."""
        store = self.services.store
        project = store.projects.create(self.user, new.name, new.type, self.request_key, new.classes, new.description)
        return project_shown(store, project, self.user), {"Location": project_url(project), **etag(project.revision)}


class ShowsProject(ProjectResource):
    """The base of what answers with a project."""

    def shown(self, project: Project) -> tuple[ProjectShown, dict[str, str]]:
        """The project as the caller may see it, with its tag."""
        return project_shown(self.services.store, project, self.user), etag(project.revision)


class ProjectItem(ShowsProject):
    """One project."""

    @operation(gives=ProjectShown, headers=REVISION)
    def get(self) -> tuple[ProjectShown, dict[str, str]]:
        """The project; of a published one, others see what it is and which model answers."""
        return self.shown(self.project)

    @operation(takes=ProjectChange, gives=ProjectShown, errors=(409, 412), headers=REVISION)
    def patch(self, change: ProjectChange) -> tuple[ProjectShown, dict[str, str]]:
        """Change name, description or group pattern; the name is the owner's to change."""
        fields = {name: getattr(change, name) for name in change.model_fields_set - {"api_token"}}
        if not fields:
            raise InvalidInput("nothing to change: send name, description or group_pattern")
        if "name" in fields and self.project.role_of(self.user.id) is not Role.OWNER:
            raise Forbidden(f"only the owner of the project '{self.project.name}' may give it another name")
        return self.shown(self.services.store.projects.change(self.project, fields, wanted_revision()))

    @operation(status=204)
    def delete(self) -> None:
        """Delete it with everything in it; its training is cancelled first."""
        self.services.store.delete_project(self.project.id)


class ProjectTransfer(ShowsProject):
    """The hand-over of a project to one of its members."""

    @operation(takes=Transfer, gives=ProjectShown, errors=(409,), headers=REVISION)
    def post(self, wish: Transfer) -> tuple[ProjectShown, dict[str, str]]:
        """Make a member the owner; who owned it is an editor from then on."""
        store = self.services.store
        user = store.users.find(wish.username)
        if user is None:
            raise NotFound(f"there is no user '{wish.username}'")
        return self.shown(store.members.transfer(self.project, user))
