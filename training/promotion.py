"""Choosing the model version that answers for a project: it counts, and it is in memory, before it does."""

from __future__ import annotations

from contextlib import suppress
from typing import Any

from inference.answers import Engine
from inference.probe import check_answers
from storage.job import Job
from storage.models import Model
from storage.projects import Project
from storage.store import Store
from utils import NotFound


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
    project = settled(store, project)
    if pin is not None and pin.id != project.model_id:
        store.serving.check_counts(pin)
        check_answers(engine, pin)
    store.serving.publish(project, fields, pin, by)


def hand_over(store: Store, job: Job, model: Model) -> None:
    """Let the project be served by a model whose job has succeeded.

    A repetition is there to compare, not to replace, and a model that was loaded is there to be chosen: theirs serve
    only where none does.
    """
    serve = store.projects.serve_first if job.repeats or job.loads else store.projects.serve
    serve(model.project_id, model.id, model.version)
    store.jobs.mark_served(job.id)
    store.changes.mark()


def settled(store: Store, project: Project) -> Project:
    """The project as it is once the workers have caught up: a training that has succeeded is seen to have done so a
    moment before its model answers, and whoever has waited for it need not be told to wait.
    """
    if project.model_id is not None:
        return project
    for job in store.jobs.unserved(project.id):
        with suppress(NotFound):  # the model was deleted since
            hand_over(store, job, store.models.get(job.result))
    return store.projects.refresh(project)
