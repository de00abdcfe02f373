"""Real workers and their devices: announced, forgotten, and never given what does not fit."""

from __future__ import annotations

import subprocess
from collections.abc import Iterator

import pytest

from settings import Settings
from storage.device import DeviceChoice, DeviceKind, device_of
from storage.job import JobState
from storage.lineup import NO_DEVICE
from storage.store import Store
from storage.workers import Worker
from tests.conftest import Caller, start_worker, wait_until
from tests.storage.test_workers import announce
from tests.training.conftest import shade_project, start_training, training_of, wait_for, wait_for_epoch
from training.queue import celery_app, queue_name, wake
from training.submission import submit
from training.worker.crew import Crew
from training.worker.devices import LocalDevice, the_cpu
from utils import VERSION


@pytest.fixture
def on_cpu(settings: Settings, store: Store) -> Iterator[subprocess.Popen[bytes]]:
    """A worker that trains on the CPU."""
    process = start_worker(settings, devices="cpu")
    yield process
    process.terminate()
    assert process.wait(20) == 0


@pytest.fixture
def another(caller: Caller) -> str:
    """A second project, with a few images."""
    return shade_project(caller, "more")


def announced(store: Store, process: subprocess.Popen[bytes]) -> Worker | None:
    return next((worker for worker in store.workers.live() if worker.pid == process.pid), None)


def test_a_worker_on_the_cpu_never_takes_a_job_for_a_gpu_and_its_trainings_see_none(
    caller: Caller, store: Store, shades: str, another: str, on_cpu: subprocess.Popen[bytes]
) -> None:
    answer = caller.call("POST", "/api/v1/jobs", project_name=shades, device="gpu")
    for_gpu = store.jobs.get(store.jobs.list_of(store.projects.ids_of(store.users.find("ada").id), 1)[0].id)
    assert answer.json["device"] == for_gpu.device == DeviceChoice.GPU
    job_id = start_training(caller, another, epochs=1000)
    process = training_of(on_cpu)
    assert process.environ()["CUDA_VISIBLE_DEVICES"] == ""
    worker = wait_until(lambda: announced(store, on_cpu))
    assert [(item.device.name, item.job_id) for item in worker.devices] == [(the_cpu().name, job_id)]
    assert (worker.version, worker.host in worker.id) == (VERSION, True)
    store.jobs.cancel(job_id)
    job = wait_for(store, job_id, "cancelled", seconds=20)
    assert (job.ran_on.kind, job.ran_on.name) == (DeviceKind.CPU, the_cpu().name)
    assert store.jobs.get(for_gpu.id).state is JobState.QUEUED
    assert store.job_queue.place_of(for_gpu.id).reason == NO_DEVICE[DeviceKind.GPU]


def test_one_worker_trains_on_two_devices_at_once_and_a_gpu_that_is_gone_fails_its_job_with_the_reason(
    store: Store, settings: Settings, shades: str, another: str
) -> None:
    gone = LocalDevice(DeviceKind.GPU, 0, "a GPU that fell off the bus", 2**34)
    crew = Crew(store, settings, [the_cpu(), gone])
    user = store.users.find("ada")
    assert user
    params = {"epochs": 1000, "image_size": 32}
    app = celery_app(settings, sends=True)
    wishes = {shades: DeviceChoice.CPU, another: DeviceChoice.GPU}
    jobs = [submit(store, app, store.projects.named(name, user), params, wish) for name, wish in wishes.items()]
    crew.start()
    try:
        failed = wait_for(store, jobs[1].id, "failed")
        trains = wait_for_epoch(store, jobs[0].id)
    finally:
        crew.stop()
        crew.join()
    assert "GPU does not answer" in str(failed.error)
    assert failed.ran_on == device_of(gone.to_row())
    assert trains.started_at
    assert failed.finished_at
    assert trains.started_at < failed.finished_at
    assert [attempt.ended_by for attempt in store.jobs.get(trains.id).attempts] == ["the worker was stopped"]


def test_a_worker_that_ends_is_forgotten_at_once_and_one_that_is_killed_by_the_next(
    store: Store, settings: Settings
) -> None:
    first = start_worker(settings, devices="cpu")
    wait_until(lambda: announced(store, first))
    announce(store, "on/another/1/1.0", the_cpu())
    first.kill()
    first.wait()
    assert announced(store, first)
    second = start_worker(settings, devices="cpu")
    wait_until(lambda: announced(store, second))
    wait_until(lambda: not announced(store, first))
    second.terminate()
    assert second.wait(20) == 0
    assert [worker.id for worker in store.workers.all()] == ["on/another/1/1.0"]


def test_a_worker_whose_gpu_is_not_there_ends_at_once_and_says_so(store: Store, settings: Settings) -> None:
    process = start_worker(settings, devices="cpu,gpu:97")
    assert process.wait(120) == 1
    assert "diyml worker: DIYML_DEVICES asks for 'gpu:97', but" in (settings.data_dir / "worker.log").read_text()
    assert store.workers.all() == []


def test_a_wake_up_for_a_gpu_is_no_business_of_a_worker_on_the_cpu(
    store: Store, settings: Settings, on_cpu: subprocess.Popen[bytes]
) -> None:
    waiting = store.database.client[f"{settings.database}_queue"]["messages"]
    wait_until(lambda: announced(store, on_cpu))
    app = celery_app(settings)  # one that sends gives up after a second, and a wake-up may get lost
    for choice in DeviceChoice:
        wake(app, choice)
    wait_until(lambda: waiting.distinct("queue") == [queue_name(DeviceChoice.GPU)])
    waiting.delete_many({})
