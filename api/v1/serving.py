"""`/api/v1/projects/<project>/promote`, `/rollback` and `/models/compare`: choosing the version that answers."""

from __future__ import annotations

from typing import Any

from api.operation import operation
from api.v1.located import ProjectResource
from api.v1.model_answers import ModelsCompared
from api.v1.representation import model_in_list
from api.v1.serving_schemas import ModelsQuery, Promotion, ServingShown
from storage.models import Model
from storage.projects import Project
from training.model_comparison import compare_models
from training.promotion import promote


class ProjectServing(ProjectResource):
    """The base of what changes which version answers."""

    def promoted(self, model: Model) -> dict[str, Any]:
        """What answers, once this version does."""
        promote(self.services.store, self.services.engine, self.project, model, self.user.username)
        return self.serving(self.services.store.projects.refresh(self.project))

    def serving(self, project: Project) -> dict[str, Any]:
        """What answers now, and what did."""
        history = self.services.store.serving.history(project)
        return {
            "project": project.name,
            "model": {"id": str(project.served_model_id), "version": project.model_version},
            "pinned": project.publication.version is not None,
            "history": [
                {
                    "id": str(served.model_id),
                    "version": served.version,
                    "at": served.at.isoformat() if served.at else None,
                    "by": served.by,
                }
                for served in reversed(history)
            ],
        }


class ModelPromotion(ProjectServing):
    """Another version that answers."""

    @operation(takes=Promotion, gives=ServingShown, errors=(409,))
    def post(self, wish: Promotion) -> dict[str, Any]:
        """Let a version answer from now on; under the same URL, and no request fails meanwhile."""
        model = self.services.store.models.of_version(self.project.id, wish.version)
        return self.promoted(model)


class ModelRollback(ProjectServing):
    """The way back."""

    @operation(gives=ServingShown, errors=(409,))
    def post(self) -> dict[str, Any]:
        """Let the version answer that did before; once more leads back."""
        return self.promoted(self.services.store.serving.before(self.project))


class ModelComparison(ProjectResource):
    """Two versions side by side."""

    @operation(takes=ModelsQuery, gives=ModelsCompared)
    def get(self, query: ModelsQuery) -> dict[str, Any]:
        """Metrics with their differences and which is better, params that differ, and what the data have in common."""
        store = self.services.store
        a, b = (store.models.of_version(self.project.id, version) for version in (query.a, query.b))
        shown = {"a": model_in_list(a, self.project), "b": model_in_list(b, self.project)}
        return {**shown, **compare_models(store, a, b)}
