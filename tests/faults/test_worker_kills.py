"""Workers that are killed, or that fall silent, at any moment of a training."""

from __future__ import annotations

import signal
import time
from dataclasses import dataclass
from functools import partial

import pytest
from bson import ObjectId

from storage.job import JobState
from tests.conftest import Caller, wait_until
from tests.faults.invariants import check
from tests.faults.runs import Run
from tests.faults.site import Site, Worker, shades, when_ended
from tests.training.conftest import start_training

pytestmark = pytest.mark.long

KILLS = 20
SILENT = 2
EPOCHS = 120
LONGEST_SECONDS = 120


@dataclass
class Silent:
    """A worker that nobody can see dead: it stands still, with its job's lease running."""

    job_id: ObjectId
    worker: Worker
    since: float


@pytest.mark.parametrize("broker_url", ["mongodb", "rabbitmq"], indirect=True)
def test_a_training_ends_once_whenever_its_worker_is_killed(site: Site, run: Run) -> None:
    silent_count = run.sized(SILENT)
    kills = run.sized(KILLS, least=3) - silent_count
    callers = [site.caller(f"user{number}") for number in range(silent_count + 1)]
    projects = [shades(caller, f"shades{number}") for number, caller in enumerate(callers)]
    site.hire(2)
    usual = _duration(site, callers[0], projects[0])
    silent = [_silenced(site, run, usual, *pair) for pair in zip(callers[1:], projects[1:], strict=True)]
    seconds = [_killed(site, run, usual, callers[0], projects[0]) for _ in range(kills)]
    late = [_outlived(site, entry) for entry in silent]
    _wake_and_kill(site, silent)
    check(site.store)
    jobs = [site.store.jobs.get(row["_id"]) for row in site.store.database["jobs"].find({}, {"_id": 1})]
    assert {job.state for job in jobs} == {JobState.SUCCEEDED}
    resumed = sum(job.attempts[-1].resumed_from_epoch > 0 for job in jobs)
    count = kills + silent_count
    run.tell(f"{len(seconds) + len(late)} of {count} trainings succeeded, each with one model; {resumed} had resumed")
    run.tell(f"a training takes {usual:.1f} s undisturbed; killed ones ended {max(seconds):.0f} s later at the latest")
    run.tell(f"those whose worker stood still (lease 60 s) ended {max(late):.0f} s later at the latest")
    assert max(seconds + late) < LONGEST_SECONDS


def _duration(site: Site, caller: Caller, project: str) -> float:
    """How long a training takes that nobody disturbs, from its claim."""
    job = when_ended(site, start_training(caller, project, EPOCHS, batch=16))
    assert job.started_at
    assert job.finished_at
    return (job.finished_at - job.started_at).total_seconds()


def _claimed(site: Site, run: Run, usual: float, caller: Caller, project: str) -> tuple[ObjectId, Worker]:
    """A training at a random moment between its claim and its end, and who runs it."""
    job_id = start_training(caller, project, EPOCHS, batch=16)
    worker: Worker = wait_until(lambda: site.holder(job_id), 60)
    run.wait(0, 0.9 * usual)
    return job_id, worker


def _killed(site: Site, run: Run, usual: float, caller: Caller, project: str) -> float:
    """Seconds from the kill to the end of the training."""
    job_id, worker = _claimed(site, run, usual, caller, project)
    started = time.monotonic()
    site.dismiss(worker)
    site.hire()
    when_ended(site, job_id, LONGEST_SECONDS)
    return time.monotonic() - started


def _silenced(site: Site, run: Run, usual: float, caller: Caller, project: str) -> Silent:
    job_id, worker = _claimed(site, run, usual, caller, project)
    worker.signal_all(signal.SIGSTOP)
    site.hire()
    return Silent(job_id, worker, time.time())


def _outlived(site: Site, silent: Silent) -> float:
    """Seconds from the silence to the end of the training, by another worker."""
    job = when_ended(site, silent.job_id, LONGEST_SECONDS)
    assert job.finished_at
    return job.finished_at.timestamp() - silent.since


def _wake_and_kill(site: Site, silent: list[Silent]) -> None:
    """What a worker that was given up does when it wakes changes nothing: its training ends at once."""
    before = [site.store.jobs.get(entry.job_id) for entry in silent]
    for entry in silent[::2]:
        entry.worker.signal_all(signal.SIGCONT)
        wait_until(partial(_trains_no_more, entry.worker), 30)
    for entry in silent[1::2]:
        site.dismiss(entry.worker)
    assert [site.store.jobs.get(entry.job_id) for entry in silent] == before


def _trains_no_more(worker: Worker) -> bool:
    return not worker.trainings()
