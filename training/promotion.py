"""Choosing the model version that answers for a project: it counts, and it is in memory, before it does."""

from __future__ import annotations

from typing import Any

from inference.answers import Engine
from inference.probe import check_answers
from storage.models import Model
from storage.projects import Project
from storage.store import Store


def promote(store: Store, engine: Engine, project: Project, model: Model, by: str) -> None:
    """Let a version answer from now on; the one that does now goes on when it cannot.

    Args:
        by: name of the user.

    Raises:
        Conflict: its job has not ended, the publication pins another, or it cannot predict.
        NotFound: project or model was deleted meanwhile.
    """
    store.serving.check_counts(model)
    check_answers(engine, model)
    store.serving.promote(project, model, by)


def publish(store: Store, engine: Engine, project: Project, fields: dict[str, Any], pin: Model | None, by: str) -> None:
    """Publish, or change what is said; see `Serving.publish`. A version that is pinned must be able to answer."""
    if pin is not None and pin.id != project.model_id:
        store.serving.check_counts(pin)
        check_answers(engine, pin)
    store.serving.publish(project, fields, pin, by)
