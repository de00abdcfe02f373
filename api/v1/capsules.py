"""`/api/v1/capsules` and `/api/v1/projects/<project>/capsule`: whole projects between installations."""

from __future__ import annotations

import tempfile
from functools import cached_property
from typing import Any, BinaryIO, cast

from flask import Response, request
from werkzeug.exceptions import UnsupportedMediaType

from api.operation import Content, operation
from api.resource import PlatformResource
from api.v1.capsule_schemas import CapsuleQuery, CapsuleTaken
from api.v1.located import ProjectResource
from storage.projects import Project
from training.capsule.opening import open_capsule
from training.capsule.reading import read_capsule
from training.capsule.writing import write_capsule

ZIP = "application/zip"
_IN_MEMORY_BYTES = 8 * 1024 * 1024
_CHUNK_BYTES = 1024 * 1024
# Unpacked over packed bytes: images are packed already, and no document gets this much shorter.
_MOST_TIMES = 50


class ProjectCapsule(ProjectResource):
    """A whole project in one file."""

    @operation(gives=Content(ZIP))
    def get(self) -> Response:
        """Download data, versions, models, cards and jobs; no tokens, no ids."""
        response = Response(write_capsule(self.services.store, self.project), mimetype=ZIP)
        response.headers["Content-Disposition"] = f'attachment; filename="{self.project.id}.diyml.zip"'
        return response


class CapsuleList(PlatformResource):
    """Projects from elsewhere."""

    @cached_property
    def given(self) -> dict[str, Any]:
        """The parameters come in the query; the body is the capsule."""
        return request.args.to_dict()

    @operation(
        takes=CapsuleQuery,
        gives=CapsuleTaken,
        status=201,
        errors=(409, 413, 415),
        body=(ZIP,),
        headers={"Location": "the project"},
    )
    def post(self, query: CapsuleQuery) -> tuple[dict[str, Any], dict[str, str]]:
        """Make a new project of a capsule, the body; it is not published."""
        if request.mimetype not in (ZIP, "application/octet-stream"):
            raise UnsupportedMediaType(f"the body must be a capsule ({ZIP}), got '{request.mimetype or 'nothing'}'")
        settings = self.services.settings
        with tempfile.SpooledTemporaryFile(_IN_MEMORY_BYTES) as file:
            while chunk := request.stream.read(_CHUNK_BYTES):
                file.write(chunk)
            files = open_capsule(cast(BinaryIO, file), _MOST_TIMES * settings.max_request_bytes)
            project = read_capsule(self.services.store, files, self.user, query.name, settings.max_image_pixels)
        return self._shown(project), {"Location": f"/api/v1/projects/{project.id}"}

    def _shown(self, project: Project) -> dict[str, Any]:
        table = self.services.store.tables.current(project.id)
        return {
            "id": str(project.id),
            "name": project.name,
            "type": project.type,
            **self.services.store.restoring.counts(project.id),
            "rows": table.rows if table else 0,
            "url": f"/api/v1/projects/{project.id}",
        }
