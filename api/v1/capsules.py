"""`/api/v1/projects/<project>/capsule`: a whole project in one file."""

from __future__ import annotations

from flask import Response

from api.operation import Content, operation
from api.v1.located import ProjectResource
from training.capsule.writing import write_capsule

ZIP = "application/zip"


class ProjectCapsule(ProjectResource):
    """A whole project in one file."""

    @operation(gives=Content(ZIP))
    def get(self) -> Response:
        """Download data, versions, models, cards and jobs; no tokens, no ids."""
        response = Response(write_capsule(self.services.store, self.project), mimetype=ZIP)
        response.headers["Content-Disposition"] = f'attachment; filename="{self.project.id}.diyml.zip"'
        return response
