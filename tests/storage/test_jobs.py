"""The job document: one claim, one end, and late writes refused."""

from __future__ import annotations

import functools
import io
import threading
from collections.abc import Callable
from typing import Any

import pytest
from bson import ObjectId

from storage.attempts import MOST_ATTEMPTS, BrokenOff, Checkpoint
from storage.job import Job, JobState
from storage.job_runs import LOG_TAIL_LINES
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
    job = store.job_runs.claim(worker)
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
    results = at_once([functools.partial(store.job_runs.claim, f"worker {n}") for n in range(8)])
    assert [result.id for result in results if result] == [job.id]


def test_a_user_with_nothing_running_goes_first(store: Store) -> None:
    first, second = a_job(store, "ada", "a1"), a_job(store, "ada", "a2")
    third = a_job(store, "grace", "g1")
    assert [claimed(store).id for _ in range(3)] == [first.id, third.id, second.id]
    assert store.job_runs.claim("w") is None


def test_a_stale_attempt_can_neither_beat_nor_end_the_job(store: Store) -> None:
    a_job(store, "ada", "p")
    stale = claimed(store)
    assert store.job_runs.release(stale, "lost")
    current = claimed(store)
    assert (stale.attempt, current.attempt) == (1, 2)
    assert store.job_runs.beat(stale, {"progress": 0.5}, [], []) is None
    assert not store.job_runs.succeed(stale, ObjectId())
    assert not store.job_runs.fail(stale, "late")
    assert not store.job_runs.end_cancelled(stale)
    assert store.jobs.get(current.id).state is JobState.RUNNING


def test_a_job_fails_after_its_last_attempt_with_the_reason(store: Store) -> None:
    a_job(store, "ada", "p")
    for _ in range(3):
        assert store.job_runs.release(claimed(store), "the worker was lost")
    job = next(iter(store.jobs.latest([row["project_id"] for row in store.database["jobs"].find()]).values()))
    assert (job.state, job.error) == (JobState.FAILED, "the worker was lost (tried 3 times)")
    assert store.job_runs.claim("w") is None


def test_an_attempt_that_was_broken_off_from_outside_does_not_count(store: Store) -> None:
    job = a_job(store, "ada", "p")
    for _ in range(5):
        assert store.job_runs.release(claimed(store), "the worker was stopped", BrokenOff.STOPPED)
    assert store.jobs.get(job.id).state is JobState.QUEUED
    for _ in range(3):
        store.job_runs.release(claimed(store), "crashed")
    assert store.jobs.get(job.id).state is JobState.FAILED


def keep(store: Store, job: Job, epoch: int) -> ObjectId:
    file = store.artifacts.put(io.BytesIO(b"checkpoint"), f"checkpoint-{epoch}")
    assert store.job_runs.checkpoint(job, file, epoch, "digest")
    return file.id


def stored(store: Store) -> set[ObjectId]:
    return {row["_id"] for row in store.database["artifacts.files"].find()}


def test_a_process_that_dies_by_itself_twice_at_the_same_place_is_not_tried_a_third_time(store: Store) -> None:
    job = a_job(store, "ada", "p")
    for _ in range(2):
        store.job_runs.release(claimed(store), "crashed", BrokenOff.CRASHED)
    ended = store.jobs.get(job.id)
    assert (ended.state, ended.error) == (JobState.FAILED, "crashed (tried 2 times)")
    assert [attempt.ended_by for attempt in ended.attempts] == ["crashed", "crashed (tried 2 times)"]


@pytest.mark.parametrize("cause", [BrokenOff.LOST, BrokenOff.CRASHED])
def test_a_job_that_gets_further_each_time_is_tried_again_up_to_a_bound(store: Store, cause: BrokenOff) -> None:
    job = a_job(store, "ada", "p")
    for attempt in range(1, MOST_ATTEMPTS + 1):
        assert store.jobs.get(job.id).state is JobState.QUEUED
        current = claimed(store)
        keep(store, current, attempt)
        store.job_runs.release(current, "broken off", cause)
    assert store.jobs.get(job.id).state is JobState.FAILED
    assert stored(store) == set()


def test_going_over_the_same_epochs_again_is_no_progress(store: Store) -> None:
    job = a_job(store, "ada", "p")
    for _ in range(4):
        current = claimed(store)
        keep(store, current, 5)
        store.job_runs.release(current, "lost")
        if store.jobs.get(job.id).state is JobState.FAILED:
            break
    assert store.jobs.get(job.id).attempt == 3


def test_a_new_checkpoint_replaces_the_old_one_and_being_told_twice_harms_nothing(store: Store) -> None:
    a_job(store, "ada", "p")
    job = claimed(store)
    keep(store, job, 1)
    file = store.artifacts.put(io.BytesIO(b"newer"), "checkpoint-2")
    assert store.job_runs.checkpoint(job, file, 2, "digest")
    assert store.job_runs.checkpoint(job, file, 2, "digest")
    assert stored(store) == {file.id}
    kept = store.jobs.get(job.id).checkpoint
    assert kept == Checkpoint(file.id, file.sha256, 5, 2, "digest")


def test_a_stale_attempt_leaves_no_checkpoint(store: Store) -> None:
    a_job(store, "ada", "p")
    stale = claimed(store)
    kept = keep(store, stale, 1)
    store.job_runs.release(stale, "lost")
    claimed(store)
    assert not store.job_runs.checkpoint(stale, store.artifacts.put(io.BytesIO(b"late"), "c"), 9, "digest")
    assert stored(store) == {kept}


@pytest.mark.parametrize("way", ["succeeds", "fails", "is cancelled", "is cancelled in the queue", "fails at last"])
def test_a_job_that_ends_leaves_no_checkpoint(store: Store, way: str) -> None:
    a_job(store, "ada", "p")
    job = claimed(store)
    keep(store, job, 1)
    if way == "succeeds":
        store.job_runs.succeed(job, ObjectId())
    elif way == "fails":
        store.job_runs.fail(job, "reason")
    elif way == "is cancelled":
        store.job_runs.end_cancelled(job)
    elif way == "is cancelled in the queue":
        store.job_runs.release(job, "lost")
        store.jobs.cancel(job.id)
    else:
        for _ in range(3):
            store.job_runs.release(job, "lost")
            job = store.job_runs.claim("w") or job
    ended = store.jobs.get(job.id)
    assert (ended.state.ended, ended.checkpoint, stored(store)) == (True, None, set())
    assert all(attempt.ended_at for attempt in ended.attempts)


def test_a_further_attempt_goes_on_where_the_checkpoint_is_and_progress_never_falls(store: Store) -> None:
    a_job(store, "ada", "p")
    first = claimed(store, "$w1")
    history = [{"epoch": epoch, "loss": 1.0 / epoch} for epoch in (1, 2, 3)]
    store.job_runs.beat(first, {"progress": 0.35, "epoch": 3, "metrics": {"loss": 0.3}}, history, [])
    keep(store, first, 2)
    store.job_runs.release(first, "lost")
    second = claimed(store, "w2")
    assert (second.epoch, second.progress, second.history) == (2, 0.35, tuple(history[:2]))
    store.job_runs.resumed(second, 2)
    record = store.jobs.get(second.id).attempts
    assert [(a.attempt, a.worker, a.ended_by, a.resumed_from_epoch, a.epoch) for a in record] == [
        (1, "$w1", "lost", 0, 3),
        (2, "w2", None, 2, None),
    ]
    store.job_runs.start_over(second)
    anew = store.jobs.get(second.id)
    assert (anew.epoch, anew.progress, anew.history, anew.checkpoint) == (0, 0.35, (), None)
    assert stored(store) == set()


def test_an_epoch_that_is_gone_over_again_is_in_the_history_once(store: Store) -> None:
    a_job(store, "ada", "p")
    job = claimed(store)
    store.job_runs.beat(job, {}, [{"epoch": epoch, "loss": 1.0} for epoch in (1, 2, 3)], [])
    beaten = store.job_runs.beat(job, {}, [{"epoch": 2, "loss": 2.0}], [])
    assert beaten is not None
    assert [(entry["epoch"], entry["loss"]) for entry in beaten.history] == [(1, 1.0), (2, 2.0)]


def test_cancelling_a_queued_job_ends_it_at_once_and_frees_the_project(store: Store) -> None:
    project = a_project(store, "ada", "p")
    job = store.jobs.create(project, PARAMS, 3)
    store.jobs.cancel(job.id)
    assert store.jobs.get(job.id).state is JobState.CANCELLED
    assert store.job_runs.claim("w") is None
    assert store.jobs.create(project, PARAMS, 3).state is JobState.QUEUED


def test_cancelling_a_running_job_is_a_wish_its_worker_reads_and_no_model_comes_of_it(store: Store) -> None:
    a_job(store, "ada", "p")
    job = claimed(store)
    store.jobs.cancel(job.id)
    beaten = store.job_runs.beat(job, {}, [], [])
    assert beaten is not None
    assert beaten.cancel_requested
    assert not store.job_runs.succeed(job, ObjectId())
    assert store.job_runs.end_cancelled(job)
    store.jobs.cancel(job.id)
    assert store.jobs.get(job.id).state is JobState.CANCELLED


def test_giving_back_a_job_that_was_cancelled_ends_it(store: Store) -> None:
    a_job(store, "ada", "p")
    job = claimed(store)
    store.jobs.cancel(job.id)
    assert store.job_runs.release(job, "the worker was stopped", BrokenOff.STOPPED)
    assert store.jobs.get(job.id).state is JobState.CANCELLED


def test_success_can_be_told_twice_because_an_answer_may_be_lost(store: Store) -> None:
    a_job(store, "ada", "p")
    job = claimed(store)
    model = ObjectId()
    assert store.job_runs.succeed(job, model)
    assert store.job_runs.succeed(job, model)
    assert not store.job_runs.succeed(job, ObjectId())


def test_cancelling_an_ended_job_changes_nothing(store: Store) -> None:
    a_job(store, "ada", "p")
    job = claimed(store)
    model = ObjectId()
    assert store.job_runs.succeed(job, model)
    store.jobs.cancel(job.id)
    ended = store.jobs.get(job.id)
    assert (ended.state, ended.model_id, ended.cancel_requested) == (JobState.SUCCEEDED, model, False)


def test_a_beat_records_progress_history_and_the_end_of_the_log_literally(store: Store) -> None:
    a_job(store, "ada", "p")
    job = claimed(store)
    store.job_runs.beat(job, {"progress": 0.25, "epoch": 1}, [{"epoch": 1, "loss": 2.0}], ["$$NOW", "{x}"])
    lines = [f"line {number}" for number in range(LOG_TAIL_LINES)]
    beaten = store.job_runs.beat(job, {"metrics": {"loss": 1.0}}, [{"epoch": 2, "loss": 1.0}], lines[2:])
    assert beaten is not None
    assert (beaten.progress, beaten.epoch, beaten.metrics) == (0.25, 1, {"loss": 1.0})
    assert [entry["epoch"] for entry in beaten.history] == [1, 2]
    assert beaten.log == ("$$NOW", "{x}", *lines[2:])


def test_a_lease_runs_out_by_the_servers_clock_unless_it_is_renewed(store: Store) -> None:
    a_job(store, "ada", "p")
    job = claimed(store)
    assert list(store.job_runs.expired()) == []
    wait_until(lambda: [late.id for late in store.job_runs.expired()] == [job.id], 10)
    assert store.job_runs.beat(job, {}, [], []) is not None
    assert list(store.job_runs.expired()) == []


def test_an_unknown_job_is_not_found(store: Store) -> None:
    with pytest.raises(NotFound, match="there is no job"):
        store.jobs.get(ObjectId())


def test_the_owner_stays_on_the_job(store: Store) -> None:
    job = a_job(store, "ada", "p")
    owner = store.users.find("ada")
    assert isinstance(owner, User)
    assert store.jobs.get(job.id).owner_id == owner.id
