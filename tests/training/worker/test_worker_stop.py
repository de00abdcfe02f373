"""A real worker whose training is asked to stop early: a model of the best so far, also by its successor."""

from __future__ import annotations

import os
import signal

import pytest
from flask.testing import FlaskClient

from settings import Settings
from storage.attempts import BrokenOff
from storage.job import JobState
from storage.store import Store
from tests.conftest import Caller, start_worker
from tests.training.conftest import infer, is_gone, shade, start_training, training_of, wait_for
from tests.training.worker.test_worker_loss import wait_for_checkpoint


@pytest.mark.story
def test_a_training_that_is_stopped_makes_a_model_and_says_so_even_when_its_worker_dies(
    client: FlaskClient, caller: Caller, other: Caller, store: Store, settings: Settings, shades: str
) -> None:
    worker = start_worker(settings, checkpoint_seconds=0)
    try:
        job_id = start_training(caller, shades, epochs=1000)
        process = training_of(worker)
        wait_for_checkpoint(store, job_id, 1)
        os.kill(worker.pid, signal.SIGSTOP)  # so that it dies before it can tell its training
        assert caller.call("POST", f"/api/v1/jobs/{job_id}/stop").status_code == 202
        worker.kill()
        worker.wait()
        worker = start_worker(settings)
        job = wait_for(store, job_id, "succeeded", "failed", "cancelled")
        assert job.state is JobState.SUCCEEDED, job.error
        assert is_gone(process)
        assert len(job.attempts) == 2
        after = job.stopped_after_epoch
        assert after == job.epoch == job.attempts[1].resumed_from_epoch > 0
        assert job.states[-1]["reason"] == f"stopped early, after epoch {after} of 1000"
        card = store.models.get(job.result).card
        assert card["stopped_early"] == {"after_epoch": after, "of_epochs": 1000}
        assert any(f"stopped after epoch {after} of 1000" in line for line in job.log)
        assert caller.call("PUT", "/publish", project_name=shades, is_published="True").status_code == 200
        assert infer(client, other, shades, shade(60, 99))[0]["classification"] in ("dark", "bright")
    finally:
        worker.terminate()
        worker.wait(20)


def test_the_hours_of_a_job_are_those_of_all_its_attempts_together(
    caller: Caller, store: Store, settings: Settings, shades: str
) -> None:
    job_id = start_training(caller, shades, epochs=1000)
    earlier = store.job_runs.claim("another worker")
    assert earlier
    store.job_runs.release(earlier, "the worker was stopped", BrokenOff.STOPPED)
    an_hour_ago = [{"$set": {"attempts.started_at": {"$subtract": ["$$NOW", 3_600_000]}}}]
    store.database["jobs"].update_one({"_id": job_id}, an_hour_ago)
    worker = start_worker(settings, job_hours=1.0)
    try:
        job = wait_for(store, job_id, "failed", "succeeded")
        assert job.error == "the training took longer than the 1 h allowed"
        assert len(job.attempts) == 2
    finally:
        worker.terminate()
        worker.wait(20)
