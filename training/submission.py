"""From a wish to train to a queued job."""

from __future__ import annotations

from typing import Any

from celery import Celery

from datasets.kinds import Snapshot
from datasets.registry import KINDS
from datasets.versions import snapshot_of_version
from storage.device import DeviceChoice
from storage.experiment import SentExperiment
from storage.job import Job
from storage.projects import Project
from storage.store import Store
from training.parameters import parse
from training.queue import wake
from training.readiness import missing
from training.registry import TRAINERS
from utils import InvalidInput


def submit(
    store: Store,
    queue: Celery,
    project: Project,
    given: dict[str, Any],
    device: DeviceChoice = DeviceChoice.ANY,
    request_key: str | None = None,
    started_by: str | None = None,
    dataset_version: int | None = None,
    experiment: SentExperiment | None = None,
) -> Job:
    """Queue a training of the project as it is when a worker takes it, or of a version of its dataset.

    Args:
        given: hyper-parameters of the project type's trainer; defaults for the rest.
        device: what it may run on.
        request_key: names the request; made again, it gives the job that it made before.
        started_by: name of the user who wants it.
        dataset_version: number of the version to train on.
        experiment: the document that wants it, for the job to keep.

    Raises:
        NotFound: the dataset has no such version.
        InvalidInput: a hyper-parameter out of its range, or the project lacks something; says what.
        Conflict: a training of the project is queued or running.
    """
    if made := made_before(store, queue, request_key):
        return made
    params = parse(TRAINERS[project.type].Params, given)
    if lacks := [lack.message for lack in missing(_data(store, project, dataset_version))]:
        raise InvalidInput(
            "the project is not ready to train: " + "; ".join(lacks),
            [{"field": "project_name", "message": sentence} for sentence in lacks],
        )
    job = store.jobs.create(
        project,
        params.model_dump(mode="json"),
        params.passes(),
        device,
        request_key,
        started_by=started_by,
        dataset_version=dataset_version,
        experiment=experiment,
    )
    wake(queue, device)
    return job


def _data(store: Store, project: Project, version: int | None) -> Snapshot:
    if version is None:
        return KINDS[project.type].capture(store, project)
    return snapshot_of_version(store, project, version)


def made_before(store: Store, queue: Celery, request_key: str | None) -> Job | None:
    """The job that a request made when it was made before; workers are told once more."""
    made = store.jobs.made_by(request_key) if request_key else None
    if made:
        wake(queue, made.device)  # whoever was killed after making the job may not have come to this
    return made
