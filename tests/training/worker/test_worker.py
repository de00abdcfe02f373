"""A real worker process: each accepted training ends once, with one model or a reason."""

from __future__ import annotations

import subprocess
from concurrent.futures import ThreadPoolExecutor

import pytest
from flask.testing import FlaskClient

from settings import Settings
from storage.job import JobState
from storage.store import Store
from storage.sweeper import sweep
from tests.conftest import Caller, wait_until
from tests.training.conftest import (
    infer,
    is_gone,
    shade,
    start_training,
    training_of,
    wait_for,
    wait_for_attempt,
    wait_for_epoch,
)

Worker = subprocess.Popen[bytes]


def test_a_training_makes_a_model_that_others_infer_with(
    client: FlaskClient, caller: Caller, other: Caller, store: Store, shades: str, worker: Worker
) -> None:
    job = wait_for(store, start_training(caller, shades, epochs=8), "succeeded", "failed")
    assert job.state is JobState.SUCCEEDED, job.error
    shown = caller.training(shades)
    assert (shown["epoch"], shown["epochs"], shown["progress"], shown["pretrained"]) == (8, 8, 1.0, False)
    assert [entry["epoch"] for entry in job.history] == list(range(1, 9))
    project = caller.call("POST", "/upload/project", project_name=shades).json
    assert project["current_url"] == f"/api/v1/models/{job.model_id}"
    assert caller.call("PUT", "/publish", project_name=shades, is_published="True").status_code == 200
    best = infer(client, other, shades, shade(60, 99))[0]
    assert best["classification"] == "dark"
    assert best["coords"] == [0, 0, 16, 16]
    pictures = [shade(20 * number, number) for number in range(8)]
    alone = [infer(client, other, shades, picture) for picture in pictures]
    with ThreadPoolExecutor(8) as threads:
        together = list(threads.map(lambda picture: infer(client, other, shades, picture), pictures * 4))
    assert together == alone * 4


@pytest.mark.story
def test_a_project_trains_once_at_a_time_and_downloads_its_images_once(
    caller: Caller, store: Store, settings: Settings, shades: str, worker: Worker
) -> None:
    first = start_training(caller, shades)
    again = caller.call("PUT", "/train", project_name=shades, train_split=0.8, epochs=1)
    assert again.status_code == 409
    wait_for(store, first, "succeeded")
    folder = settings.data_dir / "cache" / "images"
    inodes = {path: path.stat().st_ino for path in folder.glob("??/*")}
    wait_for(store, start_training(caller, shades, epochs=1), "succeeded")
    assert {path: path.stat().st_ino for path in folder.glob("??/*")} == inodes
    assert len(inodes) >= 12
    versions = sorted(row["version"] for row in store.database["models"].find())
    assert versions == [1, 2]


@pytest.mark.story
def test_cancelling_ends_the_training_process_and_the_job(
    caller: Caller, store: Store, shades: str, worker: Worker
) -> None:
    job_id = start_training(caller, shades, epochs=1000)
    process = training_of(worker)
    wait_for_epoch(store, job_id)
    assert caller.call("POST", f"/api/v1/jobs/{job_id}/cancel").status_code == 200
    job = wait_for(store, job_id, "cancelled", seconds=5)
    assert is_gone(process)
    assert job.model_id is None
    assert store.database["models"].count_documents({}) == 0
    wait_for(store, start_training(caller, shades, epochs=1), "succeeded")


def test_deleting_a_project_ends_its_training_and_leaves_nothing_behind(
    caller: Caller, store: Store, shades: str, worker: Worker
) -> None:
    job_id = start_training(caller, shades, epochs=1000)
    process = training_of(worker)
    wait_for_epoch(store, job_id)
    assert caller.call("PATCH", "/upload/project", project_name=shades).status_code == 200
    wait_until(lambda: is_gone(process), 5)

    def nothing_left() -> bool:
        sweep(store)
        names = ("projects", "images", "images.files", "images.chunks", "jobs", "models", "artifacts.files")
        return all(store.database[name].count_documents({}) == 0 for name in names)

    wait_until(nothing_left, 10)


@pytest.mark.story
def test_a_training_process_that_is_killed_is_tried_again(
    caller: Caller, store: Store, shades: str, worker: Worker
) -> None:
    job_id = start_training(caller, shades, epochs=60)
    process = training_of(worker)
    wait_for_epoch(store, job_id)
    process.kill()
    job = wait_for(store, job_id, "succeeded", "failed")
    assert (job.state, job.attempt) == (JobState.SUCCEEDED, 2)
    assert store.database["models"].count_documents({}) == 1


def test_a_training_process_that_is_always_killed_fails_with_the_reason(
    caller: Caller, store: Store, shades: str, worker: Worker
) -> None:
    job_id = start_training(caller, shades, epochs=1000)
    for attempt in (1, 2):
        wait_for_attempt(store, job_id, attempt)
        training_of(worker).kill()
    job = wait_for(store, job_id, "failed", seconds=10)
    assert "killed from outside" in str(job.error)
    assert "2 times" in str(job.error)


def test_the_training_process_knows_no_address_and_no_secret(
    caller: Caller, store: Store, settings: Settings, shades: str, worker: Worker
) -> None:
    job_id = start_training(caller, shades, epochs=1000)
    environment = training_of(worker).environ()
    assert not [name for name, value in environment.items() if "mongo" in (name + value).lower()]
    store.jobs.cancel(job_id)
    wait_for(store, job_id, "cancelled", seconds=10)
