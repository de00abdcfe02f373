"""Workers that are killed, stopped or late: their jobs go on elsewhere."""

from __future__ import annotations

import os
import signal

from flask.testing import FlaskClient

from storage.jobs import JobState
from storage.store import Store
from tests.conftest import Caller, start_worker, wait_until
from tests.training.conftest import infer, is_gone, shade, start_training, training_of, wait_for, wait_for_epoch
from utils import Settings


def test_a_job_outlives_its_worker(caller: Caller, store: Store, settings: Settings, shades: str) -> None:
    first = start_worker(settings)
    job_id = start_training(caller, shades, epochs=60)
    process = training_of(first)
    wait_for_epoch(store, job_id)
    first.kill()
    first.wait()
    wait_until(lambda: is_gone(process), 5)
    second = start_worker(settings)
    try:
        job = wait_for(store, job_id, "succeeded", "failed")
        assert (job.state, job.attempt) == (JobState.SUCCEEDED, 2)
        assert store.database["models"].count_documents({}) == 1
        wait_until(lambda: list((settings.data_dir / "work").iterdir()) == [], 10)
    finally:
        second.terminate()
        second.wait(20)


def test_a_worker_that_is_stopped_gives_its_job_back_at_once(
    caller: Caller, store: Store, settings: Settings, shades: str
) -> None:
    worker = start_worker(settings)
    job_id = start_training(caller, shades, epochs=1000)
    process = training_of(worker)
    wait_for_epoch(store, job_id)
    worker.terminate()
    assert worker.wait(20) == 0
    assert is_gone(process)
    job = store.jobs.get(job_id)
    assert (job.state, job.allowance) == (JobState.QUEUED, 1)


def test_a_training_that_cannot_succeed_says_why_and_leaves_the_old_model_serving(
    client: FlaskClient, caller: Caller, other: Caller, store: Store, settings: Settings, shades: str
) -> None:
    worker = start_worker(settings)
    try:
        wait_for(store, start_training(caller, shades), "succeeded")
        caller.call("PUT", "/publish", project_name=shades, is_published=True)
        before = infer(client, other, shades, shade(60, 99))
        os.kill(worker.pid, signal.SIGSTOP)  # so that the data can change between the wish and the training
        job_id = start_training(caller, shades)
        caller.call("PUT", "/upload/class_info", project_name=shades, class_info="dark")
        os.kill(worker.pid, signal.SIGCONT)
        job = wait_for(store, job_id, "failed")
        assert "bright" in str(job.error)
        assert caller.training(shades)["error"] == job.error
        assert infer(client, other, shades, shade(60, 99)) == before
    finally:
        os.kill(worker.pid, signal.SIGCONT)
        worker.terminate()
        worker.wait(20)
