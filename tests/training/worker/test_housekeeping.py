"""What a worker tidies up after others."""

from __future__ import annotations

import dataclasses
import io
import subprocess
import sys
import threading

import psutil
import pytest

from storage.job import Job, JobState
from storage.store import Store
from tests.conftest import wait_until
from tests.storage.test_jobs import a_job, claimed
from training.worker.housekeeping import LOST, Housekeeper
from training.worker.identity import Identity


@pytest.fixture
def housekeeper(store: Store) -> Housekeeper:
    return Housekeeper(store, threading.Event())


def abandoned(store: Store) -> Job:
    a_job(store, "ada", "p")
    job = claimed(store)
    wait_until(lambda: list(store.job_runs.expired()), 10)
    return job


def test_a_job_without_heartbeat_goes_back_to_the_queue_at_the_second_look(
    store: Store, housekeeper: Housekeeper
) -> None:
    job = abandoned(store)
    housekeeper.reap()
    assert store.jobs.get(job.id).state is JobState.RUNNING
    housekeeper.reap()
    released = store.jobs.get(job.id)
    assert (released.state, released.error) == (JobState.QUEUED, LOST)


def test_a_job_whose_worker_process_is_known_to_be_gone_goes_back_at_once(
    store: Store, housekeeper: Housekeeper
) -> None:
    with subprocess.Popen([sys.executable, "-c", ""]) as ended:
        started = psutil.Process(ended.pid).create_time()
    gone = dataclasses.replace(Identity.of_this_process(), pid=ended.pid, started=started)
    a_job(store, "ada", "p")
    job = claimed(store, str(gone))
    housekeeper.reap()
    assert store.jobs.get(job.id).state is JobState.QUEUED


@pytest.mark.parametrize("change", [{}, {"machine": "another"}, {"host": "another"}])
def test_a_worker_that_lives_or_may_live_elsewhere_keeps_its_job(
    store: Store, housekeeper: Housekeeper, change: dict[str, str]
) -> None:
    worker = dataclasses.replace(Identity.of_this_process(), **change)
    a_job(store, "ada", "p")
    job = claimed(store, str(dataclasses.replace(worker, pid=worker.pid if not change else 2**22 + 1)))
    housekeeper.reap()
    assert store.jobs.get(job.id).state is JobState.RUNNING


def test_a_worker_that_beats_after_an_outage_keeps_its_job(store: Store, housekeeper: Housekeeper) -> None:
    job = abandoned(store)
    housekeeper.reap()
    assert store.job_runs.beat(job, {}, [], []) is not None
    housekeeper.reap()
    assert store.jobs.get(job.id).state is JobState.RUNNING


def test_a_cancelled_job_whose_worker_is_lost_ends_cancelled(store: Store, housekeeper: Housekeeper) -> None:
    job = abandoned(store)
    store.jobs.cancel(job.id)
    housekeeper.reap()
    housekeeper.reap()
    assert store.jobs.get(job.id).state is JobState.CANCELLED


def test_a_model_whose_worker_died_before_the_last_step_is_handed_to_its_project(
    store: Store, housekeeper: Housekeeper
) -> None:
    a_job(store, "ada", "p")
    job = claimed(store)
    file = store.artifacts.put(io.BytesIO(b"onnx"), "model.onnx")
    model = store.models.create(job.project_id, job.id, {}, {"model.onnx": file})
    assert store.job_runs.succeed(job, model.id)
    housekeeper.finish()
    project = store.projects.get(job.project_id)
    assert project is not None
    assert (project.model_id, project.model_version) == (model.id, 1)
    assert list(store.jobs.unserved()) == []


def test_an_older_model_never_replaces_a_newer_one(store: Store) -> None:
    job = a_job(store, "ada", "p")
    older, newer = (store.models.create(job.project_id, job.id, {}, {}) for _ in range(2))
    assert store.projects.serve(job.project_id, newer.id, newer.version)
    assert not store.projects.serve(job.project_id, older.id, older.version)
