"""Workers that are killed, stopped or late: their jobs go on elsewhere."""

from __future__ import annotations

import io
import os
import signal

import pytest
from flask.testing import FlaskClient

from settings import Settings
from storage.job import JobState
from storage.store import Store
from storage.sweeper import sweep
from tests.conftest import Caller, start_worker, wait_until
from tests.storage.test_sweeper import AT_ONCE
from tests.training.conftest import infer, is_gone, shade, start_training, training_of, wait_for, wait_for_checkpoint

pytestmark = pytest.mark.story
EPOCHS = 40


def checkpoints(store: Store) -> int:
    return store.database["artifacts.files"].count_documents({"filename": {"$regex": "^checkpoint"}})


@pytest.mark.parametrize("killed", ["the worker", "the training process"])
def test_an_interrupted_training_goes_on_from_its_last_checkpoint(
    caller: Caller, store: Store, settings: Settings, shades: str, killed: str
) -> None:
    worker = start_worker(settings, checkpoint_seconds=0)
    try:
        job_id = start_training(caller, shades, EPOCHS, batch=16)  # small batches would outrun their checkpoints
        process = training_of(worker)
        before = wait_for_checkpoint(store, job_id, 15)
        if killed == "the worker":
            worker.kill()
            worker.wait()
            wait_until(lambda: is_gone(process), 5)
            worker = start_worker(settings)
        else:
            process.kill()
        seen = []
        wait_until(lambda: seen.append(store.jobs.get(job_id)) or seen[-1].state.ended, 90)
        job = seen[-1]
        assert job.state is JobState.SUCCEEDED, job.error
        first, second = job.attempts
        assert first.ended_by
        assert (second.ended_by, second.epoch) == (None, EPOCHS)
        assert 15 <= second.resumed_from_epoch <= EPOCHS
        assert first.epoch is not None
        assert first.epoch + EPOCHS - second.resumed_from_epoch <= EPOCHS + 5
        assert [entry["epoch"] for entry in job.history] == list(range(1, EPOCHS + 1))
        assert min(shown.progress for shown in seen) >= before.progress
        assert store.database["models"].count_documents({}) == 1
        sweep(store, AT_ONCE)  # who is killed while a checkpoint is stored leaves what nobody refers to
        assert checkpoints(store) == 0
        wait_until(lambda: list((settings.data_dir / "work").iterdir()) == [], 10)
    finally:
        worker.terminate()
        worker.wait(20)


def test_a_worker_lost_between_its_model_and_its_jobs_end_leaves_no_second_model(
    caller: Caller, store: Store, settings: Settings, shades: str
) -> None:
    job_id = start_training(caller, shades, epochs=1)
    lost = store.job_runs.claim("lost")
    assert lost
    file = store.artifacts.put(io.BytesIO(b"of the lost worker"), "model.onnx")
    store.models.create(lost.project_id, job_id, {}, {"model.onnx": file})
    store.job_runs.release(lost, "lost")
    worker = start_worker(settings)
    try:
        job = wait_for(store, job_id, "succeeded", "failed")
        models = list(store.database["models"].find({}, {"_id": 1, "version": 1}))
        assert models == [{"_id": job.model_id, "version": 1}]
        assert store.database["artifacts.files"].find_one({"_id": file.id}) is None
    finally:
        worker.terminate()
        worker.wait(20)


def test_a_worker_that_is_stopped_gives_its_job_back_at_once_and_it_starts_over_when_the_data_have_changed(
    caller: Caller, store: Store, settings: Settings, shades: str
) -> None:
    worker = start_worker(settings, checkpoint_seconds=0)
    job_id = start_training(caller, shades, epochs=20)
    process = training_of(worker)
    wait_for_checkpoint(store, job_id, 5)
    worker.terminate()
    assert worker.wait(20) == 0
    assert is_gone(process)
    job = store.jobs.get(job_id)
    assert (job.state, [attempt.ended_by for attempt in job.attempts]) == (JobState.QUEUED, ["the worker was stopped"])
    assert checkpoints(store) == 1
    caller.place(shades, "new.png", "dark", shade(40, 77))
    worker = start_worker(settings)
    try:
        job = wait_for(store, job_id, "succeeded", "failed")
        assert [attempt.resumed_from_epoch for attempt in job.attempts] == [0, 0]
        assert [entry["epoch"] for entry in job.history] == list(range(1, 21))
        assert any("starts over" in line for line in job.log)
        assert checkpoints(store) == 0
    finally:
        worker.terminate()
        worker.wait(20)


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
