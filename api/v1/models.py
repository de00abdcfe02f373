"""`/api/v1/models`: trained models, their cards and files."""

from __future__ import annotations

import mimetypes
from typing import Any

from flask import Response

from api.operation import Content, Page, operation
from api.output import json_text
from api.pagination import page, position
from api.v1.job_answers import WholeJob
from api.v1.located import ModelResource, ProjectResource
from api.v1.model_answers import ModelInList, ModelShown
from api.v1.representation import card_url, job_url, model_files, model_in_list, precision_of, whole_job
from api.v1.schemas import ModelToLoad, NewQuantization, PageQuery
from storage.models import Model
from storage.order import Place
from training.loading.submission import load
from training.promotion import promote
from training.quantization.submission import quantize
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
            "registered": model.registered,
            "files": model_files(model),
            "card_url": card_url(model),
        }


class ProjectModels(ProjectResource):
    """The model versions of a project."""

    @operation(takes=PageQuery, gives=Page[ModelInList])
    def get(self, query: PageQuery) -> dict[str, Any]:
        """List them, newest first, with what they are worth."""
        models = self.services.store.models.list_of(self.project.id, query.limit + 1, position(query.cursor))
        return page(
            models,
            query.limit,
            show=lambda model: model_in_list(model, self.project),
            place=lambda model: Place(model.created_at, model.id),
        )


class ModelLoad(ProjectResource):
    """Models that lie in MLflow."""

    @operation(
        takes=ModelToLoad, gives=WholeJob, status=202, errors=(404, 409, 429, 503), headers={"Location": "the job"}
    )
    def post(self, wish: ModelToLoad) -> tuple[dict[str, Any], dict[str, str]]:
        """Queue a job that makes a version of one: no training, but it is checked, and scored on the project's data."""
        services, store = self.services, self.services.store
        wanted = (self.project, self.user, wish.model, self.request_key)
        job = load(store, services.queue, services.settings, *wanted)
        shown = whole_job(job, self.project.name, store.job_queue.place_of(job.id))
        return {**shown, "difference": None}, {"Location": job_url(job)}


class ModelItem(ShowsModel):
    """One model version."""

    @operation(gives=ModelShown)
    def get(self) -> dict[str, Any]:
        """The card and the files; for members, and for anybody with a token while it is published."""
        return self.shown(self.model)

    @operation(status=204, errors=(409,))
    def delete(self) -> None:
        """Delete it with its files and the count of its calls; not while it answers for the project."""
        self.services.store.serving.delete(self.model)


class ModelCard(ModelResource):
    """Everything about a model that its file does not say."""

    @operation(gives=Content("application/json"))
    def get(self) -> Response:
        """Download the card; for members, and for anybody with a token while it is published."""
        response = Response(json_text(self.model.card) + "\n", mimetype="application/json")
        name = f"{self.model.id}-version-{self.model.version}.json"
        response.headers["Content-Disposition"] = f'attachment; filename="{name}"'
        return response


class ModelQuantize(ModelResource):
    """A smaller and faster version of a model."""

    @operation(takes=NewQuantization, gives=WholeJob, status=202, errors=(409, 429), headers={"Location": "the job"})
    def post(self, wish: NewQuantization) -> tuple[dict[str, Any], dict[str, str]]:
        """Queue a job that makes it, in int8; for the owner."""
        store = self.services.store
        job = quantize(store, self.services.queue, self.model, wish.force, self.request_key, self.user.username)
        shown = whole_job(job, self.project.name, store.job_queue.place_of(job.id))
        return {**shown, "difference": None}, {"Location": job_url(job)}


class ModelServe(ShowsModel):
    """Which version answers for a project."""

    @operation(gives=ModelShown, errors=(409,))
    def post(self) -> dict[str, Any]:
        """Let this one answer from now on, until a training succeeds; for editors."""
        promote(self.services.store, self.services.engine, self.project, self.model, self.user.username)
        return self.shown(self.model)


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
