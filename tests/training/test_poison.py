"""Trainings that die by themselves, take too much or do not listen: they end with a reason, and hold nobody up."""

from __future__ import annotations

import dataclasses
import signal
import subprocess
from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path

import psutil
import pytest
from bson import ObjectId
from flask import Flask

from storage.job import JobState
from storage.store import Store
from tests.conftest import Caller, wait_until
from tests.training.conftest import is_gone, shade, start_training, training_of, wait_for, wait_for_epoch
from tests.training.poison import Illness, start_worker_with_poison
from utils import MEBIBYTE, Settings

Worker = subprocess.Popen[bytes]


@pytest.fixture(scope="module")
def ill_settings(session_settings: Settings) -> Settings:
    return dataclasses.replace(session_settings, job_memory_bytes=1024 * MEBIBYTE, stop_seconds=2)


@pytest.fixture(scope="module")
def worker(ill_settings: Settings, session_app: Flask, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Worker]:
    process = start_worker_with_poison(ill_settings, tmp_path_factory.mktemp("poison"))
    yield process
    process.terminate()
    assert process.wait(20) == 0


def start_ill(caller: Caller, project: str, illness: Illness) -> ObjectId:
    answer = caller.call("PUT", "/train", project_name=project, train_split=0.8, epochs=3, seed=int(illness))
    assert answer.status_code == 200, answer.json
    return ObjectId(answer.json["job_id"])


@pytest.fixture
def next_project(other: Caller) -> str:
    """A project of another user."""
    name = other.project("next", "classification", "dark|bright")
    for number in range(4):
        label, value = ("dark", 50) if number % 2 else ("bright", 200)
        assert other.place(name, f"{number}.png", label, shade(value, number)).status_code == 200
    return name


@pytest.mark.parametrize(
    ("illness", "reason", "last_words"),
    [
        (Illness.SEGMENTATION_FAULT, "crashed (SIGSEGV)", "Fatal Python error: Segmentation fault"),
        (Illness.LEAVES, "exit status 7", "these are its last words"),
        (Illness.LEAVES_AS_IF_ALL_WERE_WELL, "exit status 0", "these are its last words"),
        (Illness.IS_KILLED, "killed from outside, most often because memory ran out", "these are its last words"),
        (Illness.TAKES_MEMORY, "of memory, 1.0 GiB are allowed: try a smaller batch", "these are its last words"),
    ],
)
def test_a_training_that_dies_by_itself_fails_after_two_attempts_and_the_next_users_starts(
    caller: Caller,
    other: Caller,
    store: Store,
    shades: str,
    next_project: str,
    worker: Worker,
    illness: Illness,
    reason: str,
    last_words: str,
) -> None:
    job_id = start_ill(caller, shades, illness)
    next_id = start_training(other, next_project, epochs=1000)
    following = wait_for(store, next_id, "running")
    store.jobs.cancel(next_id)
    job = wait_for(store, job_id, "failed")
    assert reason in str(job.error)
    assert "(tried 2 times)" in str(job.error)
    assert len(job.attempts) == 2
    assert any(last_words in line for line in job.log), job.log
    assert not any(line.startswith("Extension modules") for line in job.log)
    first_end = job.attempts[0].ended_at
    assert first_end is not None
    assert following.started_at is not None
    assert following.started_at - first_end < timedelta(seconds=10)


def test_a_cancel_ends_every_process_of_the_training_wherever_it_went_and_no_other(
    caller: Caller, store: Store, shades: str, worker: Worker
) -> None:
    bystander = subprocess.Popen(["sleep", "1000"])
    try:
        job_id = start_ill(caller, shades, Illness.SCATTERS_CHILDREN)
        family = scattered(worker)
        assert caller.call("POST", f"/api/v1/jobs/{job_id}/cancel").status_code == 200
        wait_until(lambda: all(map(is_gone, family)), 5)
        assert bystander.poll() is None
        assert wait_for(store, job_id, "cancelled", seconds=5).error == "cancelled"
    finally:
        bystander.kill()
        bystander.wait()


def scattered(worker: Worker) -> list[psutil.Process]:
    """The training process and the three that it has scattered."""
    training = training_of(worker)

    def all_there() -> list[psutil.Process] | None:
        found = [process for process in training.children(recursive=True) if not is_gone(process)]
        return [training, *found] if len(found) == 3 else None

    family: list[psutil.Process] = wait_until(all_there, 30)
    assert len({process.pid for process in family} & set(group_of(training.pid))) == 2
    return family


def group_of(leader: int) -> list[int]:
    found = subprocess.run(["pgrep", "-g", str(leader)], capture_output=True, text=True, check=True)
    return [int(line) for line in found.stdout.split()]


def test_a_training_that_does_not_listen_to_a_stop_is_cancelled_with_the_reason(
    caller: Caller, store: Store, shades: str, worker: Worker
) -> None:
    job_id = start_ill(caller, shades, Illness.IS_DEAF)
    process = training_of(worker)
    wait_for_epoch(store, job_id)
    assert caller.call("POST", f"/api/v1/jobs/{job_id}/stop").status_code == 202
    job = wait_for(store, job_id, "cancelled", "succeeded", "failed", seconds=15)
    assert (job.state, job.model_id) == (JobState.CANCELLED, None)
    assert "too short to make a model" in str(job.error)
    assert is_gone(process)


def test_no_process_outlives_a_worker_that_is_killed(
    caller: Caller, store: Store, shades: str, ill_settings: Settings, tmp_path: Path
) -> None:
    worker = start_worker_with_poison(ill_settings, tmp_path)
    try:
        start_ill(caller, shades, Illness.SCATTERS_CHILDREN)
        family = scattered(worker)
    finally:
        worker.send_signal(signal.SIGKILL)
        worker.wait()
    wait_until(lambda: all(map(is_gone, family)), 5)
