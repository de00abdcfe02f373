"""`/api/v1/models`: trained models, their cards and files."""

from __future__ import annotations

import mimetypes
from contextlib import suppress
from typing import Any

from flask import Response

from api.resource import PlatformResource
from api.v1.representation import job_url, model_files, precision_of, whole_job
from api.v1.schemas import NewQuantization, Request
from inference.probe import problem_with
from storage.database import object_id
from storage.models import Model
from training.quantization.submission import check_counts, quantize
from utils import Conflict, NotFound, Unavailable


class ModelResource(PlatformResource):
    """The base of all that belongs to one model version."""

    def visible(self, model_id: str, owner_only: bool = False) -> Model:
        """The model, if the user may know of it: the owner, and anybody with a token while it serves in public.

        Raises:
            NotFound: there is none of this id, or it is another user's.
        """
        model = self.services.store.models.get(object_id(model_id, "model"))
        project = self.services.store.projects.get(model.project_id)
        if project is not None:
            published = project.is_published and project.model_id == model.id
            if project.owner_id == self.user.id or (published and not owner_only):
                return model
        raise NotFound(f"there is no model '{model_id}'")

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


class ModelItem(ModelResource):
    """One model version."""

    def get(self, model_id: str) -> dict[str, Any]:
        """The card and the files; for the owner, and for anybody with a token while it is published."""
        return self.shown(self.visible(model_id))


class ModelQuantize(ModelResource):
    """A smaller and faster version of a model."""

    def post(self, model_id: str) -> tuple[dict[str, Any], int, dict[str, str]]:
        """Queue a job that makes it, in int8; for the owner."""
        wish, store = self.parse(NewQuantization), self.services.store
        model = self.visible(model_id, owner_only=True)
        job = quantize(store, self.services.queue, model, wish.force, self.request_key)
        project = store.projects.get(job.project_id)
        shown = whole_job(job, project.name if project else None, store.job_queue.place_of(job.id))
        return {**shown, "difference": None}, 202, {"Location": job_url(job)}


class ModelServe(ModelResource):
    """Which version answers for a project."""

    def post(self, model_id: str) -> dict[str, Any]:
        """Let this one answer from now on, until a training succeeds; for the owner."""
        self.parse(Request)
        model, store = self.visible(model_id, owner_only=True), self.services.store
        check_counts(store, model)
        self._warm(model)
        if not store.projects.serve_version(model.project_id, model.id, model.version):
            raise NotFound(f"there is no model '{model_id}'")
        return self.shown(model)

    def _warm(self, model: Model) -> None:
        """Have the engine load the model, so that its first caller does not wait for that.

        Raises:
            Conflict: it cannot predict; the one that answers now goes on.
        """
        # A busy engine is no reason against the change: it loads the model when it is asked for.
        with suppress(Unavailable):
            problem = problem_with(self.services.engine, model.id)
            if problem:
                raise Conflict(f"model version {model.version} cannot answer for the project: {problem}")


class ModelFile(ModelResource):
    """One file of a model: `model.onnx`, native weights, pictures."""

    def get(self, model_id: str, name: str) -> Response:
        """Download it; for the owner."""
        file = self.visible(model_id, owner_only=True).files.get(name)
        if file is None:
            raise NotFound(f"the model has no file '{name}'")
        kind = mimetypes.guess_type(name)[0] or "application/octet-stream"
        response = Response(self.services.store.artifacts.stream(file.file_id), mimetype=kind)
        response.headers["Content-Disposition"] = f'attachment; filename="{name}"'
        response.headers["Content-Length"] = str(file.size)
        response.headers["ETag"] = f'"{file.sha256}"'
        return response
