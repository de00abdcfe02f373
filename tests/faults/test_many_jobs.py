"""Many short trainings of several users on several workers, all of which are killed again and again."""

from __future__ import annotations

import time
from collections import Counter

import pytest

from storage.job import JobState
from tests.conftest import Caller, wait_until
from tests.faults.invariants import check
from tests.faults.runs import Run
from tests.faults.site import Site, shades
from tests.training.conftest import start_training

pytestmark = pytest.mark.long

USERS = 5
PROJECTS = 10
ROUNDS = 2
WORKERS = 3
KILLS = 5
JOB_SECONDS = 15


def test_each_of_many_jobs_has_its_effect_once_though_all_workers_are_killed_again_and_again(
    site: Site, run: Run
) -> None:
    wishes = _wishes(site, run)
    count = len(wishes)
    kills = run.sized(KILLS, least=2)
    # One somewhere in each part of the run, and none after the last job.
    kill_at = [count * number // kills + run.random.randrange(count // kills - 1) for number in range(kills)]
    site.hire(WORKERS)
    started = time.monotonic()
    for ended in kill_at:
        _feed_until(site, wishes, ended + 1, count * JOB_SECONDS)
        run.wait(0, 5)
        for worker in list(site.workers):
            site.dismiss(worker)
        site.hire(WORKERS)
    _feed_until(site, wishes, count, count * JOB_SECONDS)
    seconds = time.monotonic() - started
    wait_until(lambda: not list(site.store.jobs.unserved()), 30)
    check(site.store)
    states = Counter(row["state"] for row in site.store.database["jobs"].find({}, {"state": 1}))
    attempts = Counter(row["attempt"] for row in site.store.database["jobs"].find({}, {"attempt": 1}))
    assert sum(states[state.value] for state in JobState if state.ended) == count
    assert states[JobState.SUCCEEDED.value] >= count - kills * WORKERS
    assert max(attempts) > 1, "no kill hit a training"
    run.tell(f"{count} jobs of {USERS} users on {WORKERS} workers, all killed {kills} times: {dict(states)}")
    run.tell(f"attempts they took: {dict(sorted(attempts.items()))}; {seconds:.0f} s in all")


def _wishes(site: Site, run: Run) -> list[tuple[Caller, str]]:
    """Who wants which project trained, in this order, each project `ROUNDS` times."""
    projects = []
    for user in range(USERS):
        caller = site.caller(f"user{user}")
        projects += [(caller, shades(caller, f"shades{user}-{n}", 4)) for n in range(run.sized(PROJECTS))]
    run.random.shuffle(projects)
    return projects * ROUNDS


def _feed_until(site: Site, wishes: list[tuple[Caller, str]], ended: int, seconds: float) -> None:
    """Start each training as soon as that of the same project before it has ended, until so many have ended."""
    final = {"$in": [state.value for state in JobState if state.ended]}

    def fed() -> bool:
        jobs = site.store.database["jobs"]
        busy = set(jobs.distinct("project_id", {"active": True}))
        names = {row["name"] for row in site.store.database["projects"].find({"_id": {"$in": list(busy)}})}
        for wish in list(wishes):
            if wish[1] not in names:
                start_training(*wish, epochs=1)
                names.add(wish[1])
                wishes.remove(wish)
        return jobs.count_documents({"state": final}) >= ended

    wait_until(fed, seconds, every=0.2)
