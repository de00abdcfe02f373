"""The job document: one claim, one end, and late writes refused."""

from __future__ import annotations

import functools
import threading
from collections.abc import Callable
from typing import Any

import pytest
from bson import ObjectId

from storage.jobs import LOG_TAIL_LINES, Job, JobState
from storage.projects import Project
from storage.store import Store
from storage.users import User
from tests.conftest import wait_until
from utils import Conflict, NotFound

PARAMS = {"epochs": 3, "train_split": 0.8, "seed": 0}


def a_project(store: Store, owner: str, name: str) -> Project:
    user = store.users.find(owner) or store.users.create(owner, b"long enough")
    return store.projects.create(user, name, "classification")


def a_job(store: Store, owner: str, name: str) -> Job:
    return store.jobs.create(a_project(store, owner, name), PARAMS, 3)


def claimed(store: Store, worker: str = "w") -> Job:
    job = store.jobs.claim(worker)
    assert job is not None
    return job


def at_once(calls: list[Callable[[], Any]]) -> list[Any]:
    results: list[Any] = [None] * len(calls)
    barrier = threading.Barrier(len(calls))

    def run(position: int) -> None:
        barrier.wait()
        try:
            results[position] = calls[position]()
        except Conflict as error:
            results[position] = error

    threads = [threading.Thread(target=run, args=(position,)) for position in range(len(calls))]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    return results


def test_a_project_has_one_active_job_however_many_ask_at_once(store: Store) -> None:
    project = a_project(store, "ada", "p")
    results = at_once([lambda: store.jobs.create(project, PARAMS, 3)] * 8)
    assert sum(isinstance(result, Job) for result in results) == 1
    assert sum(isinstance(result, Conflict) for result in results) == 7


def test_a_job_is_claimed_once_however_many_workers_ask(store: Store) -> None:
    job = a_job(store, "ada", "p")
    results = at_once([functools.partial(store.jobs.claim, f"worker {n}") for n in range(8)])
    assert [result.id for result in results if result] == [job.id]


def test_a_user_with_nothing_running_goes_first(store: Store) -> None:
    first, second = a_job(store, "ada", "a1"), a_job(store, "ada", "a2")
    third = a_job(store, "grace", "g1")
    assert [claimed(store).id for _ in range(3)] == [first.id, third.id, second.id]
    assert store.jobs.claim("w") is None


def test_a_stale_attempt_can_neither_beat_nor_end_the_job(store: Store) -> None:
    a_job(store, "ada", "p")
    stale = claimed(store)
    assert store.jobs.release(stale, "lost")
    current = claimed(store)
    assert (stale.attempt, current.attempt) == (1, 2)
    assert store.jobs.beat(stale, {"progress": 0.5}, [], []) is None
    assert not store.jobs.succeed(stale, ObjectId())
    assert not store.jobs.fail(stale, "late")
    assert not store.jobs.end_cancelled(stale)
    assert store.jobs.get(current.id).state is JobState.RUNNING


def test_a_job_fails_after_its_last_attempt_with_the_reason(store: Store) -> None:
    a_job(store, "ada", "p")
    for _ in range(3):
        assert store.jobs.release(claimed(store), "the worker was lost")
    job = next(iter(store.jobs.latest([row["project_id"] for row in store.database["jobs"].find()]).values()))
    assert (job.state, job.error) == (JobState.FAILED, "the worker was lost (tried 3 times)")
    assert store.jobs.claim("w") is None


def test_an_attempt_that_was_broken_off_from_outside_does_not_count(store: Store) -> None:
    job = a_job(store, "ada", "p")
    for _ in range(5):
        assert store.jobs.release(claimed(store), "the worker was stopped", counts=False)
    assert store.jobs.get(job.id).state is JobState.QUEUED
    for _ in range(3):
        store.jobs.release(claimed(store), "crashed")
    assert store.jobs.get(job.id).state is JobState.FAILED


def test_cancelling_a_queued_job_ends_it_at_once_and_frees_the_project(store: Store) -> None:
    project = a_project(store, "ada", "p")
    job = store.jobs.create(project, PARAMS, 3)
    store.jobs.cancel(job.id)
    assert store.jobs.get(job.id).state is JobState.CANCELLED
    assert store.jobs.claim("w") is None
    assert store.jobs.create(project, PARAMS, 3).state is JobState.QUEUED


def test_cancelling_a_running_job_is_a_wish_its_worker_reads_and_no_model_comes_of_it(store: Store) -> None:
    a_job(store, "ada", "p")
    job = claimed(store)
    store.jobs.cancel(job.id)
    beaten = store.jobs.beat(job, {}, [], [])
    assert beaten is not None
    assert beaten.cancel_requested
    assert not store.jobs.succeed(job, ObjectId())
    assert store.jobs.end_cancelled(job)
    store.jobs.cancel(job.id)
    assert store.jobs.get(job.id).state is JobState.CANCELLED


def test_giving_back_a_job_that_was_cancelled_ends_it(store: Store) -> None:
    a_job(store, "ada", "p")
    job = claimed(store)
    store.jobs.cancel(job.id)
    assert store.jobs.release(job, "the worker was stopped", counts=False)
    assert store.jobs.get(job.id).state is JobState.CANCELLED


def test_success_can_be_told_twice_because_an_answer_may_be_lost(store: Store) -> None:
    a_job(store, "ada", "p")
    job = claimed(store)
    model = ObjectId()
    assert store.jobs.succeed(job, model)
    assert store.jobs.succeed(job, model)
    assert not store.jobs.succeed(job, ObjectId())


def test_cancelling_an_ended_job_changes_nothing(store: Store) -> None:
    a_job(store, "ada", "p")
    job = claimed(store)
    model = ObjectId()
    assert store.jobs.succeed(job, model)
    store.jobs.cancel(job.id)
    ended = store.jobs.get(job.id)
    assert (ended.state, ended.model_id, ended.cancel_requested) == (JobState.SUCCEEDED, model, False)


def test_a_beat_records_progress_history_and_the_end_of_the_log_literally(store: Store) -> None:
    a_job(store, "ada", "p")
    job = claimed(store)
    store.jobs.beat(job, {"progress": 0.25, "epoch": 1}, [{"epoch": 1, "loss": 2.0}], ["$$NOW", "{x}"])
    lines = [f"line {number}" for number in range(LOG_TAIL_LINES)]
    beaten = store.jobs.beat(job, {"metrics": {"loss": 1.0}}, [{"epoch": 2, "loss": 1.0}], lines[2:])
    assert beaten is not None
    assert (beaten.progress, beaten.epoch, beaten.metrics) == (0.25, 1, {"loss": 1.0})
    assert [entry["epoch"] for entry in beaten.history] == [1, 2]
    assert beaten.log == ("$$NOW", "{x}", *lines[2:])


def test_a_lease_runs_out_by_the_servers_clock_unless_it_is_renewed(store: Store) -> None:
    a_job(store, "ada", "p")
    job = claimed(store)
    assert list(store.jobs.expired()) == []
    wait_until(lambda: [late.id for late in store.jobs.expired()] == [job.id], 10)
    assert store.jobs.beat(job, {}, [], []) is not None
    assert list(store.jobs.expired()) == []


def test_an_unknown_job_is_not_found(store: Store) -> None:
    with pytest.raises(NotFound, match="there is no job"):
        store.jobs.get(ObjectId())


def test_the_owner_stays_on_the_job(store: Store) -> None:
    job = a_job(store, "ada", "p")
    owner = store.users.find("ada")
    assert isinstance(owner, User)
    assert store.jobs.get(job.id).owner_id == owner.id
