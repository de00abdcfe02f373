"""`/api/v1/models`: trained models, their cards and files."""

from __future__ import annotations

import mimetypes
from typing import Any

from flask import Response

from api.resource import PlatformResource
from api.v1.representation import model_files
from storage.database import object_id
from storage.models import Model
from utils import NotFound


class ModelItem(PlatformResource):
    """One model version."""

    def get(self, model_id: str) -> dict[str, Any]:
        """The card and the files; for the owner, and for anybody with a token while it is published."""
        model = self._visible(model_id)
        return {
            "id": str(model.id),
            "version": model.version,
            "created_at": model.created_at.isoformat(),
            "card": model.card,
            "files": model_files(model),
        }

    def _visible(self, model_id: str, owner_only: bool = False) -> Model:
        model = self.services.store.models.get(object_id(model_id, "model"))
        project = self.services.store.projects.get(model.project_id)
        if project is not None:
            published = project.is_published and project.model_id == model.id
            if project.owner_id == self.user.id or (published and not owner_only):
                return model
        raise NotFound(f"there is no model '{model_id}'")


class ModelFile(ModelItem):
    """One file of a model: `model.onnx`, native weights, pictures."""

    def get(self, model_id: str, name: str) -> Response:  # type: ignore[override]  # a file, no JSON
        """Download it; for the owner."""
        file = self._visible(model_id, owner_only=True).files.get(name)
        if file is None:
            raise NotFound(f"the model has no file '{name}'")
        kind = mimetypes.guess_type(name)[0] or "application/octet-stream"
        response = Response(self.services.store.artifacts.stream(file.file_id), mimetype=kind)
        response.headers["Content-Disposition"] = f'attachment; filename="{name}"'
        response.headers["Content-Length"] = str(file.size)
        response.headers["ETag"] = f'"{file.sha256}"'
        return response
