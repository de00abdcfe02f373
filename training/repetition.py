"""From a training that has ended to a queued one with the same data, seed and params."""

from __future__ import annotations

from celery import Celery

from storage.job import Job
from storage.store import Store
from training.parameters import parse
from training.queue import wake
from training.recording import recorded_data
from training.registry import TRAINERS
from training.submission import made_before
from utils import Conflict, NotFound


def repeat(store: Store, queue: Celery, job: Job, request_key: str | None = None, started_by: str | None = None) -> Job:
    """Queue a training on the data that a job has recorded, whatever has become of the project since.

    Args:
        request_key: as of `submit`; `started_by` likewise.

    Raises:
        Conflict: the job has not ended, or trained nothing, its data are not recorded or not stored any more, or a
            training of the project is queued or running.
        InvalidInput: the trainer does not take the params any more.
        TooManyRequests: the owner has as many queued jobs as allowed.
    """
    if made := made_before(store, queue, request_key):
        return made
    project = store.projects.get(job.project_id)
    if project is None:
        raise NotFound(f"the project of job '{job.id}' is gone")
    if job.quantizes:
        raise Conflict(
            f"the job '{job.id}' trained nothing, it made an int8 version of model '{job.quantizes}': "
            f"POST /api/v1/models/{job.quantizes}/quantize makes another"
        )
    if job.loads:
        raise Conflict(f"the job '{job.id}' trained nothing, it loaded {job.loads['reference']}: load it again instead")
    if not job.state.ended:
        raise Conflict(f"the job '{job.id}' is {job.state.value}: it can be repeated once it has ended")
    epochs = parse(TRAINERS[job.project_type].Params, job.params).passes()
    recorded_data(store, job)
    repeated = store.jobs.create(
        project, job.params, epochs, job.device, request_key, repeats=job, started_by=started_by
    )
    wake(queue, job.device)
    return repeated
