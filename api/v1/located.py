"""The bases of resources whose path names something of a project: it is found, and the caller's role seen to, first."""

from __future__ import annotations

from typing import Any

from api.resource import PlatformResource
from storage.database import object_id
from storage.job import Job
from storage.models import Model
from storage.projects import Project
from storage.roles import Role
from utils import Forbidden, NotFound


class ProjectResource(PlatformResource):
    """Something of the project that `<project>` names, by its id or its name.

    Attributes:
        project: as it was when the call came.
    """

    project: Project

    def locate(self, path: dict[str, Any]) -> None:
        """See `PlatformResource.locate`.

        Raises:
            NotFound: no such project, or none of the caller's business.
            Forbidden: a member's role is too low.
        """
        self.project = self.permitted(path.pop("project"))

    def permitted(self, reference: str) -> Project:
        """The project of this id or name, if the caller has the declared role in it."""
        if self.access.role is None:
            raise TypeError(f"{type(self).__name__} is about a project, and its route declares no role")
        return self.of_kind(self.services.store.projects.find(reference, self.user, self.access.role))


class JobResource(ProjectResource):
    """Something of the job that `<job_id>` names."""

    job: Job

    def locate(self, path: dict[str, Any]) -> None:
        """As of a project; a job of somebody else's project does not exist for the caller."""
        job_id = path.pop("job_id")
        self.job = self.services.store.jobs.get(object_id(job_id, "job"))
        self.project = permitted(self, self.job.project_id, f"there is no job '{job_id}'")


class ModelResource(ProjectResource):
    """Something of the model version that `<model_id>` names."""

    model: Model

    def locate(self, path: dict[str, Any]) -> None:
        """As of a project; guests know of the version that serves, and of no other."""
        model_id = path.pop("model_id")
        self.model = self.services.store.models.get(object_id(model_id, "model"))
        missing = f"there is no model '{model_id}'"
        self.project = permitted(self, self.model.project_id, missing)
        if self.project.role_of(self.user.id) is Role.GUEST and self.project.model_id != self.model.id:
            raise NotFound(missing)


def permitted(resource: ProjectResource, project_id: object, missing: str) -> Project:
    """The project of something, as `ProjectResource.permitted`; whoever may not know of it learns of nothing.

    Args:
        missing: what to say then.
    """
    try:
        return resource.permitted(str(project_id))
    except Forbidden:
        raise
    except NotFound:
        raise NotFound(missing) from None
