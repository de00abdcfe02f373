"""Asking a job to stop early: when there is something to keep, and what becomes of the wish."""

from __future__ import annotations

import pytest
from bson import ObjectId

from storage.attempts import BrokenOff
from storage.job import Job, JobState
from storage.store import Store
from tests.storage.test_jobs import a_job, claimed, keep
from utils import Conflict, NotFound


def trained_for(store: Store, epochs: int) -> Job:
    """A running job that has finished so many epochs."""
    a_job(store, "ada", "p")
    job = store.job_runs.beat(claimed(store), {"epoch": epochs}, [], [])
    assert job
    return job


def test_only_a_job_with_a_finished_epoch_can_be_stopped(store: Store) -> None:
    job = a_job(store, "ada", "p")
    with pytest.raises(Conflict, match="nothing to keep yet"):
        store.jobs.stop(job.id)
    running = claimed(store)
    with pytest.raises(Conflict, match="after the first epoch"):
        store.jobs.stop(job.id)
    assert store.job_runs.beat(running, {"epoch": 1}, [], [])
    store.jobs.stop(job.id)
    store.jobs.stop(job.id)
    assert store.jobs.get(job.id).stop_requested
    with pytest.raises(NotFound):
        store.jobs.stop(ObjectId())


def test_a_job_that_has_something_to_keep_before_its_first_epoch_can_be_stopped_in_that_attempt(store: Store) -> None:
    a_job(store, "ada", "p")
    job = store.job_runs.beat(claimed(store), {"keepable": True}, [], [])
    assert job
    store.job_runs.release(job, "the worker was lost")
    with pytest.raises(Conflict, match="nothing to keep yet"):
        store.jobs.stop(job.id)
    again = claimed(store)
    with pytest.raises(Conflict, match="nothing to keep yet"):
        store.jobs.stop(job.id)
    assert store.job_runs.beat(again, {"keepable": True}, [], [])
    store.jobs.stop(job.id)
    assert store.jobs.get(job.id).stop_requested


def test_an_ended_job_stays_as_it_is_and_a_cancel_wins(store: Store) -> None:
    job = trained_for(store, 1)
    store.jobs.cancel(job.id)
    store.jobs.stop(job.id)
    assert not store.jobs.get(job.id).stop_requested
    assert store.job_runs.end_cancelled(job)
    store.jobs.stop(job.id)
    assert not store.jobs.get(job.id).stop_requested


def test_a_job_that_waits_for_its_next_attempt_can_be_stopped_when_it_has_a_checkpoint(store: Store) -> None:
    job = trained_for(store, 2)
    store.job_runs.release(job, "the worker was lost")
    with pytest.raises(Conflict):
        store.jobs.stop(job.id)
    second = claimed(store)
    keep(store, second, 2)
    store.job_runs.release(second, "the worker was lost")
    store.jobs.stop(job.id)
    assert claimed(store).stop_requested


def test_the_wish_to_stop_outlives_the_worker_and_a_cancel_still_cancels(store: Store) -> None:
    job = trained_for(store, 1)
    store.jobs.stop(job.id)
    store.job_runs.release(job, "crashed", BrokenOff.CRASHED)
    again = claimed(store)
    assert again.stop_requested
    store.jobs.cancel(job.id)
    assert not store.job_runs.succeed(again, ObjectId(), stopped_after_epoch=1)
    assert store.job_runs.end_cancelled(again)
    assert store.jobs.get(job.id).state is JobState.CANCELLED


def test_the_record_and_the_last_event_say_that_it_was_stopped_early(store: Store) -> None:
    job = trained_for(store, 2)
    model_id = ObjectId()
    assert store.job_runs.succeed(job, model_id, stopped_after_epoch=2)
    assert store.job_runs.succeed(job, model_id, stopped_after_epoch=2)
    ended = store.jobs.get(job.id)
    assert (ended.state, ended.stopped_after_epoch, ended.error) == (JobState.SUCCEEDED, 2, None)
    assert ended.attempts[-1].ended_by == "stopped early, after epoch 2 of 3"
    last = store.job_events.after(ended, 0)[-1]
    assert last.data == {"state": "succeeded", "attempt": 1, "reason": "stopped early, after epoch 2 of 3"}
