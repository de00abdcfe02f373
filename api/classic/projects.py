"""`/upload/project`: projects."""

from __future__ import annotations

from typing import Any

from flask import request

from api.classic.representation import listed_project, owned_project, training
from api.classic.schemas import NewProject, ProjectQuery, UserQuery
from api.resource import PlatformResource
from utils import NotFound


class Projects(PlatformResource):
    """A user's projects, and one by name."""

    def reads(self) -> bool:
        """POST reads, beside GET."""
        return request.method == "POST" or super().reads()

    def get(self) -> list[dict[str, Any]]:
        """List a user's projects; what others see of them is an operator's choice."""
        store, caller = self.services.store, self.optional_user()
        username = self.parse(UserQuery).username
        owner = store.users.find(username)
        if owner is None:
            raise NotFound(f"there is no user '{username}'")
        if caller != owner:
            shown = store.projects.list_owned(owner, published_only=not self.services.settings.open_listing)
            return [listed_project(project) for project in shown]
        projects = store.projects.list_owned(owner)
        jobs = store.jobs.latest([project.id for project in projects])
        return [{**listed_project(project), "training": training(jobs.get(project.id))} for project in projects]

    def post(self) -> dict[str, Any]:
        """Read one."""
        store = self.services.store
        project = self.project_named(self.parse(ProjectQuery).project_name, private=True)
        job = store.jobs.latest([project.id]).get(project.id)
        return owned_project(project, job, store.images.ids(project.id))

    def put(self) -> dict[str, Any]:
        """Create one."""
        new = self.parse(NewProject)
        create = self.services.store.projects.create
        project = create(self.user, new.project_name, new.project_type, self.request_key)
        return {"project_name": project.name, "project_type": project.type, "project_id": str(project.id)}

    def patch(self) -> dict[str, Any]:
        """Delete one with everything in it; its training is cancelled first."""
        store = self.services.store
        store.delete_project(self.project_named(self.parse(ProjectQuery).project_name).id)
        return {"Status": "Successful deletion"}
