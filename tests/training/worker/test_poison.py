"""Trainings that die by themselves, take too much or do not listen: they end with a reason, and hold nobody up."""

from __future__ import annotations

import dataclasses
import subprocess
from collections.abc import Iterator

import pytest
from flask import Flask

from settings import MEBIBYTE, Settings
from storage.job import JobState
from storage.store import Store
from tests.conftest import Caller
from tests.training.conftest import is_gone, shade, start_training, training_of, wait_for, wait_for_epoch
from tests.training.worker.ill import Illness
from tests.training.worker.poison import start_ill, start_worker_with_poison

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
        (
            Illness.IS_KILLED,
            "killed from outside, most often because memory ran out: try a smaller `image_size`",
            "these are its last words",
        ),
        (
            Illness.TAKES_MEMORY,
            "of memory, 1.0 GiB are allowed: try a smaller `image_size`, a smaller `batch`",
            "these are its last words",
        ),
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
    wait_for(store, next_id, "running")
    store.jobs.cancel(next_id)
    job = wait_for(store, job_id, "failed")
    assert reason in str(job.error)
    assert "(tried 2 times)" in str(job.error)
    assert len(job.attempts) == 2
    assert any(last_words in line for line in job.log), job.log
    assert not any(line.startswith("Extension modules") for line in job.log)


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
