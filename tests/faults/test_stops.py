"""SIGTERM: what was begun is finished, or goes on elsewhere."""

from __future__ import annotations

import signal
import socket
import threading
from collections import Counter
from concurrent.futures import ThreadPoolExecutor

import pytest

from storage.job import Job, JobState
from tests.conftest import Caller, wait_until
from tests.faults.conftest import Platform
from tests.faults.invariants import check
from tests.faults.runs import Run
from tests.faults.site import Site, Worker, shades, when_ended
from tests.faults.slow import SlowUpload
from tests.training.conftest import shade, start_training

pytestmark = pytest.mark.long

REQUESTS = 50
SLOWEST_SECONDS = 8
STOPS = 5
EPOCHS = 300


def test_requests_in_flight_complete_when_the_platform_is_told_to_stop(platform: Platform, run: Run) -> None:
    uploads = [
        SlowUpload(platform, f"flight{number}", shade(50, 1000 + number)) for number in range(run.sized(REQUESTS, 50))
    ]
    seconds = [run.random.uniform(0, SLOWEST_SECONDS) for _ in uploads]
    for upload in uploads:
        upload.connect()
    assert platform.process is not None
    platform.process.send_signal(signal.SIGTERM)
    with ThreadPoolExecutor(len(uploads)) as pool:
        list(pool.map(lambda pair: pair[0].finish(pair[1], threading.Event()), zip(uploads, seconds, strict=True)))
    status = platform.process.wait(60)
    answers = Counter(upload.status for upload in uploads)
    platform.start()
    stored = platform.whole_images()
    whole = sum(stored.get(upload.name) == upload.sha256 for upload in uploads)
    run.tell(f"SIGTERM with {len(uploads)} uploads in flight: answers {dict(answers)}, {whole} stored whole")
    assert answers == {200: len(uploads)}, [upload.detail for upload in uploads if upload.status != 200][:3]
    assert whole == len(uploads)
    assert status == 0


def test_a_platform_that_stops_takes_no_new_connection(platform: Platform, run: Run) -> None:
    last = SlowUpload(platform, "last", shade(50, 999))
    last.connect()
    assert platform.process is not None
    platform.process.send_signal(signal.SIGTERM)
    try:
        wait_until(lambda: _refuses(platform.port), 5)
    finally:
        last.finish(1, threading.Event())
    assert last.status == 200, last.detail
    assert platform.process.wait(60) == 0
    platform.start()
    run.tell("a new connection is refused while the last request completes")


def _refuses(port: int) -> bool:
    try:
        socket.create_connection(("127.0.0.1", port), 1).close()
    except ConnectionRefusedError:
        return True
    return False


def test_a_training_whose_worker_is_stopped_goes_on_elsewhere_from_its_checkpoint(site: Site, run: Run) -> None:
    caller = site.caller("ada")
    project = shades(caller, "shades")
    site.hire()
    resumed = [_stopped_once(site, run, project, caller) for _ in range(run.sized(STOPS, least=2))]
    check(site.store)
    run.tell(f"{len(resumed)} of {len(resumed)} trainings of {EPOCHS} epochs went on elsewhere, from epochs {resumed}")


def _stopped_once(site: Site, run: Run, project: str, caller: Caller) -> int:
    """Stop the worker at a random epoch; gives the epoch from which another went on."""
    job_id = start_training(caller, project, EPOCHS, batch=16)
    epoch = run.random.randrange(20, EPOCHS - 100)

    def reached() -> Job | None:
        job = site.store.jobs.get(job_id)
        return job if job.checkpoint and job.epoch >= epoch else None

    before: Job = wait_until(reached, 120)
    worker: Worker = wait_until(lambda: site.holder(job_id), 10)
    worker.member.signal(signal.SIGTERM)
    site.hire()
    wait_until(worker.member.ended, 30)
    site.dismiss(worker)
    job = when_ended(site, job_id)
    assert job.state is JobState.SUCCEEDED
    first, second = job.attempts
    assert first.ended_by == "the worker was stopped"
    assert before.checkpoint
    assert second.resumed_from_epoch >= before.checkpoint.epoch > 0
    assert [entry["epoch"] for entry in job.history] == list(range(1, EPOCHS + 1))
    return second.resumed_from_epoch
