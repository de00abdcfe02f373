"""`/api/v1/models`: trained models, their cards and files."""

from __future__ import annotations

import mimetypes
from typing import Any

from flask import Response

from api.operation import Content, operation
from api.v1.job_answers import WholeJob
from api.v1.located import ModelResource
from api.v1.model_answers import ModelShown
from api.v1.representation import job_url, model_files, precision_of, whole_job
from api.v1.schemas import NewQuantization
from storage.models import Model
from training.quantization.submission import check_counts, quantize
from utils import NotFound


class ShowsModel(ModelResource):
    """The base of what answers with a model."""

    def shown(self, model: Model) -> dict[str, Any]:
        """The model with its card and files."""
        return {
            "id": str(model.id),
            "version": model.version,
            "created_at": model.created_at.isoformat(),
            **precision_of(model),
            "card": model.card,
            "files": model_files(model),
        }


class ModelItem(ShowsModel):
    """One model version."""

    @operation(gives=ModelShown)
    def get(self) -> dict[str, Any]:
        """The card and the files; for the owner, and for anybody with a token while it is published."""
        return self.shown(self.model)


class ModelQuantize(ModelResource):
    """A smaller and faster version of a model."""

    @operation(takes=NewQuantization, gives=WholeJob, status=202, errors=(409, 429), headers={"Location": "the job"})
    def post(self, wish: NewQuantization) -> tuple[dict[str, Any], dict[str, str]]:
        """Queue a job that makes it, in int8; for the owner."""
        store = self.services.store
        job = quantize(store, self.services.queue, self.model, wish.force, self.request_key)
        shown = whole_job(job, self.project.name, store.job_queue.place_of(job.id))
        return {**shown, "difference": None}, {"Location": job_url(job)}


class ModelServe(ShowsModel):
    """Which version answers for a project."""

    @operation(gives=ModelShown, errors=(409,))
    def post(self) -> dict[str, Any]:
        """Let this one answer from now on, until a training succeeds; for the owner."""
        model, store = self.model, self.services.store
        check_counts(store, model)
        if not store.projects.serve_version(model.project_id, model.id, model.version):
            raise NotFound(f"there is no model '{model.id}'")
        return self.shown(model)


class ModelFile(ModelResource):
    """One file of a model: `model.onnx`, native weights, pictures."""

    @operation(gives=Content("application/octet-stream"), headers={"ETag": "SHA-256 of the file"})
    def get(self, name: str) -> Response:
        """Download it; for the owner."""
        file = self.model.files.get(name)
        if file is None:
            raise NotFound(f"the model has no file '{name}'")
        kind = mimetypes.guess_type(name)[0] or "application/octet-stream"
        response = Response(self.services.store.artifacts.stream(file.file_id), mimetype=kind)
        response.headers["Content-Disposition"] = f'attachment; filename="{name}"'
        response.headers["Content-Length"] = str(file.size)
        response.headers["ETag"] = f'"{file.sha256}"'
        return response
