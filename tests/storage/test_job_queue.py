"""Who is next, when, and how many may wait; the same for whoever asks at the same moment."""

from __future__ import annotations

import dataclasses
import functools
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor

import pytest
from bson import ObjectId

from settings import Settings
from storage.device import A_CPU, DeviceChoice, DeviceKind
from storage.job import Job, JobState
from storage.lineup import NO_DEVICE, NO_WORKER, Lineup, Place, Running, Waiting, place_of
from storage.store import Store
from tests.storage.test_jobs import PARAMS, a_job, a_project, at_once, claimed
from tests.storage.test_workers import announce
from utils import TooManyRequests

CPU, GPU = DeviceKind
ADA, GRACE, LINUS = (ObjectId() for _ in range(3))
JOBS = [ObjectId() for _ in range(5)]


@pytest.fixture
def narrow(store: Store, settings: Settings) -> Iterator[Store]:
    """The same store, in which a user may have three jobs waiting."""
    narrow = Store(dataclasses.replace(settings, queued_jobs_per_user=3))
    yield narrow
    narrow.close()


def places(
    waiting: list[ObjectId], running: list[tuple[ObjectId, float | None]], typical: float | None, free: int = 0
) -> list[Place | None]:
    """Places on CPUs alone; the jobs' turns are in the order given."""
    lineup = Lineup(
        tuple(Waiting(JOBS[n], owner, DeviceChoice.ANY, {CPU: n}) for n, owner in enumerate(waiting)),
        tuple(Running(owner, CPU, left) for owner, left in running),
        {CPU: free},
        {} if typical is None else {CPU: typical},
    )
    return [place_of(JOBS[n], lineup) for n in range(len(waiting))]


def test_who_has_nothing_running_is_before_who_waits_longer() -> None:
    running = [(ADA, 10.0), (LINUS, 20.0)]
    assert places([LINUS, GRACE, ADA], running, 100.0) == [Place(2, 20.0), Place(1, 10.0), Place(3, 110.0)]


def test_one_worker_serves_one_after_the_other() -> None:
    found = places([ADA, ADA, ADA, GRACE, GRACE], [(ADA, 5.0)], 10.0)
    assert found == [Place(1, 5.0), Place(2, 15.0), Place(3, 25.0), Place(4, 35.0), Place(5, 45.0)]


def test_a_free_device_serves_at_once() -> None:
    assert places([ADA, GRACE, LINUS], [(ADA, 5.0)], 10.0, free=1) == [Place(2, 5.0), Place(1, 0.0), Place(3, 10.0)]


def test_no_time_is_told_when_none_was_measured() -> None:
    assert places([ADA], [(GRACE, None)], None) == [Place(1, None)]
    assert places([ADA, GRACE], [(GRACE, 5.0)], None) == [Place(1, 5.0), Place(2, None)]
    assert place_of(ObjectId(), Lineup()) is None


def test_with_no_worker_the_place_says_so() -> None:
    assert places([ADA, GRACE], [], 10.0) == [Place(1, None, NO_WORKER), Place(2, None, NO_WORKER)]


def test_a_place_counts_only_devices_that_could_take_the_job() -> None:
    choices = [DeviceChoice.CPU, DeviceChoice.GPU, DeviceChoice.ANY, DeviceChoice.CPU, DeviceChoice.GPU]
    owners = [ADA, ADA, GRACE, GRACE, LINUS]
    waiting = tuple(
        Waiting(JOBS[n], owners[n], choice, dict.fromkeys(choice.kinds, n)) for n, choice in enumerate(choices)
    )
    running = (Running(LINUS, CPU, 10.0), Running(LINUS, GPU, 25.0))
    both = Lineup(waiting, running, {}, {CPU: 10.0, GPU: 100.0})
    # The CPU takes the first job at 10 s, the one for either at 20 s; the GPU's first two come at 25 s and 125 s.
    assert [place_of(JOBS[n], both) for n in range(5)] == [
        Place(1, 10.0), Place(1, 25.0), Place(2, 20.0), Place(3, 30.0), Place(2, 125.0)
    ]  # fmt: skip
    no_gpu = Lineup(waiting, running[:1], {}, {CPU: 10.0, GPU: 100.0})
    assert [place_of(JOBS[n], no_gpu) for n in range(5)] == [
        Place(1, 10.0), Place(1, None, NO_DEVICE[GPU]), Place(2, 20.0), Place(3, 30.0), Place(2, None, NO_DEVICE[GPU])
    ]  # fmt: skip


def test_the_place_is_read_from_the_jobs_and_the_workers(store: Store) -> None:
    first, second = a_job(store, "ada", "a1"), a_job(store, "ada", "a2")
    third = a_job(store, "grace", "g1")
    assert [store.job_queue.place_of(job.id) for job in (first, third, second)] == [
        Place(1, None, NO_WORKER), Place(2, None, NO_WORKER), Place(3, None, NO_WORKER)
    ]  # fmt: skip
    announce(store, "w", A_CPU)
    assert store.job_queue.place_of(first.id) == Place(1, 0.0)
    running = claimed(store)
    assert running.id == first.id
    assert store.job_queue.place_of(first.id) is None
    store.job_runs.beat(running, {"eta_seconds": 40.0}, [], [])
    assert store.job_queue.place_of(third.id) == Place(1, 40.0)
    assert store.job_queue.place_of(second.id) == Place(2, None)


def test_claims_follow_the_places(store: Store) -> None:
    owners = ["ada", "ada", "ada", "grace", "linus", "grace"]
    jobs = [a_job(store, owner, f"p{number}") for number, owner in enumerate(owners)]
    claimed(store)
    while waiting := [job for job in jobs if store.jobs.head(job.id).state is JobState.QUEUED]:
        told = {store.job_queue.place_of(job.id).position: job.id for job in waiting}
        assert sorted(told) == list(range(1, len(waiting) + 1))
        for running in store.job_runs.running():
            store.job_runs.fail(running, "to make room")
        if len({job.owner_id for job in waiting}) == 1:
            assert claimed(store).id == told[1]
        else:
            claimed(store)


def test_workers_that_claim_at_once_take_one_job_a_user_while_others_wait(store: Store) -> None:
    for owner in ("ada", "grace", "linus"):
        for number in range(4):
            a_job(store, owner, f"{owner} {number}")
    for _ in range(4):
        jobs = at_once([lambda: store.job_runs.claim("w")] * 3)
        assert len({job.owner_id for job in jobs}) == 3
        assert all(store.job_runs.fail(job, "done") for job in jobs)


def test_a_newcomer_is_served_after_at_most_one_job_of_a_user_who_has_many_waiting(store: Store) -> None:
    for number in range(10):
        a_job(store, "ada", f"{number}")
    running = claimed(store)
    newcomer = a_job(store, "grace", "new")
    assert store.job_runs.fail(running, "done")
    assert claimed(store).id == newcomer.id


def test_a_user_who_asks_for_many_at_once_puts_off_another_by_one_at_most(store: Store) -> None:
    projects = [a_project(store, "ada", f"p{number}") for number in range(12)]
    at_once([functools.partial(store.jobs.create, project, PARAMS, 3) for project in projects])
    grace = a_job(store, "grace", "hers")
    order = []
    while job := store.job_runs.claim("w"):
        order.append(job.id)
        assert store.job_runs.fail(job, "done")
    assert len(order) == 13
    assert order.index(grace.id) <= 1


def test_a_user_whose_job_runs_may_ask_for_more_than_one_at_once(store: Store) -> None:
    a_job(store, "ada", "running")
    claimed(store)
    projects = [a_project(store, "ada", f"p{number}") for number in range(4)]
    jobs = at_once([functools.partial(store.jobs.create, project, PARAMS, 3) for project in projects])
    assert len({job.id for job in jobs}) == 4


def test_users_with_many_jobs_take_turns(store: Store) -> None:
    jobs = [a_job(store, owner, f"{owner} {number}") for owner in ("ada", "grace") for number in range(3)]
    served = []
    for _ in jobs:
        job = claimed(store)
        served.append(job.owner_id)
        assert store.job_runs.fail(job, "done")
    ada, grace = jobs[0].owner_id, jobs[3].owner_id
    assert served == [ada, grace] * 3


def test_a_single_user_may_use_every_worker(store: Store) -> None:
    for number in range(3):
        a_job(store, "ada", f"{number}")
    assert len({job.id for job in at_once([lambda: store.job_runs.claim("w")] * 3)}) == 3


def test_a_user_has_no_more_jobs_waiting_than_allowed_however_many_ask_at_once(narrow: Store) -> None:
    projects = [a_project(narrow, "ada", f"p{number}") for number in range(8)]

    def submit(number: int) -> Job | TooManyRequests:
        try:
            return narrow.jobs.create(projects[number], PARAMS, 3)
        except TooManyRequests as error:
            return error

    with ThreadPoolExecutor(8) as threads:
        results = list(threads.map(submit, range(8)))
    refused = [result for result in results if isinstance(result, TooManyRequests)]
    assert len(refused) == 5
    assert "3 queued trainings" in refused[0].detail
    assert refused[0].retry_after_seconds > 0
    assert a_job(narrow, "grace", "another user's")


def test_a_job_that_starts_or_is_cancelled_makes_room_and_one_that_comes_back_needs_none(narrow: Store) -> None:
    jobs = [a_job(narrow, "ada", f"p{number}") for number in range(3)]
    running = claimed(narrow)
    a_job(narrow, "ada", "p3")
    assert narrow.job_runs.release(running, "the worker was lost")
    with pytest.raises(TooManyRequests):
        a_job(narrow, "ada", "p4")
    narrow.jobs.cancel(jobs[1].id)
    a_job(narrow, "ada", "p5")
