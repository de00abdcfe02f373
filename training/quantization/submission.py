"""From a model in float32 to a queued job that makes an int8 version of it."""

from __future__ import annotations

from celery import Celery

from inference.protocol import INT8
from storage.job import Job
from storage.models import Model
from storage.store import Store
from training.queue import wake
from training.recording import recorded_data
from training.registry import TRAINERS
from training.submission import made_before
from utils import Conflict, NotFound

_EPOCHS = 1


def quantize(
    store: Store,
    queue: Celery,
    model: Model,
    force: bool,
    request_key: str | None = None,
    started_by: str | None = None,
) -> Job:
    """Queue it, on the data that the model was made from, whatever has become of the project since.

    Args:
        force: have the int8 version however much accuracy it costs.
        request_key: as of `submit`; `started_by` likewise.

    Raises:
        Conflict: its trainer cannot score another version, the model is int8 already, its data are not recorded or not
            stored any more, or a training of the project is queued or running.
        TooManyRequests: the owner has as many queued jobs as allowed.
    """
    if made := made_before(store, queue, request_key):
        return made
    project = store.projects.get(model.project_id)
    if project is None:
        raise NotFound(f"the project of model '{model.id}' is gone")
    if model.card.get("precision") == INT8:
        made_of = (model.card["quantization"] or {}).get("from_version")
        raise Conflict(f"model version {model.version} is int8 already: it was made of version {made_of}")
    if TRAINERS[project.type].scorer is None:
        raise Conflict(
            f"models of {project.type} projects have no int8 version: there is nothing that could tell what it costs; "
            f"model version {model.version} stays as it is"
        )
    check_counts(store, model)
    job = store.jobs.head(model.job_id)
    recorded_data(store, job)
    quantizing = store.jobs.create(
        project, {"force": force}, _EPOCHS, request_key=request_key, quantizes=job, started_by=started_by
    )
    wake(queue, quantizing.device)
    return quantizing


def check_counts(store: Store, model: Model) -> None:
    """See that a model is the result of a job that has succeeded.

    Raises:
        Conflict: its job has not ended yet.
    """
    if not store.jobs.succeeded_models([model.id]):
        raise Conflict(f"the job of model '{model.id}' has not ended yet: wait for it")
