"""A project that trains in a few seconds, and the processes of its training."""

from __future__ import annotations

import io
import subprocess
import threading
from collections.abc import Iterator

import numpy as np
import psutil
import pytest
from bson import ObjectId
from flask.testing import FlaskClient
from PIL import Image

from datasets.kinds import Caches
from settings import Settings
from storage.job import Job
from storage.store import Store
from tests.conftest import Caller, encoded, wait_until
from training.worker.devices import find_devices
from training.worker.supervisor import Supervisor


def shade(value: int, seed: int) -> bytes:
    """A small picture of one brightness with some noise; dark and bright are easy to tell apart."""
    noise = np.random.default_rng(seed).integers(-20, 20, (16, 16, 3))
    stream = io.BytesIO()
    Image.fromarray(np.clip(noise + value, 0, 255).astype(np.uint8)).save(stream, "PNG")
    return stream.getvalue()


@pytest.fixture(scope="module")
def one_thread() -> Iterator[None]:
    """Threads gain nothing on images this small, and lose much beside other busy processes."""
    import torch  # only the tests that train in this process need it

    before = torch.get_num_threads()
    torch.set_num_threads(1)
    yield
    torch.set_num_threads(before)


def shade_project(caller: Caller, name: str = "shades") -> str:
    """Make a classification project of six dark and six bright pictures; gives its name."""
    caller.project(name, "classification", "dark|bright")
    for number in range(12):
        label, value = ("dark", 50) if number % 2 else ("bright", 200)
        assert caller.place(name, f"{number}.png", label, shade(value, number)).status_code == 200
    return name


@pytest.fixture
def shades(caller: Caller) -> str:
    """A project that trains in a few seconds."""
    return shade_project(caller)


def supervisor(store: Store, settings: Settings) -> Supervisor:
    """One of this process, on the CPU."""
    caches = Caches(settings.data_dir / "cache", settings.dataset_cache_bytes)
    [cpu] = find_devices("cpu")
    return Supervisor(store, settings, threading.Event(), cpu, caches)


def start_training(caller: Caller, project: str, epochs: int = 2, batch: int = 4) -> ObjectId:
    """Queue a training, as cheap as one can be unless its batches are larger; gives the job's id."""
    params = {"image_size": 32, "epochs": epochs, "batch": batch}
    answer = caller.call("PUT", "/train", project_name=project, train_split=0.8, **params)
    assert answer.status_code == 200, answer.json
    return ObjectId(answer.json["job_id"])


def wait_for(store: Store, job_id: ObjectId, *states: str, seconds: float = 90) -> Job:
    """The job once it is in one of the states."""

    def reached() -> Job | None:
        job = store.jobs.get(job_id)
        return job if job.state in states else None

    job: Job = wait_until(reached, seconds)
    return job


def wait_for_attempt(store: Store, job_id: ObjectId, attempt: int) -> None:
    """Wait until this attempt has begun."""
    wait_until(lambda: store.jobs.get(job_id).attempt == attempt, 60)


def wait_for_epoch(store: Store, job_id: ObjectId, attempt: int = 1) -> Job:
    """The job once it trains for real: an epoch of this attempt has ended."""

    def trains() -> Job | None:
        job = store.jobs.get(job_id)
        return job if job.attempt == attempt and job.epoch >= 1 else None

    job: Job = wait_until(trains, 90)
    return job


def wait_for_checkpoint(store: Store, job_id: ObjectId, epoch: int, attempt: int = 1) -> Job:
    """The job once this attempt has left a checkpoint of at least this epoch."""

    def kept() -> Job | None:
        job = store.jobs.get(job_id)
        return job if job.attempt == attempt and job.checkpoint and job.checkpoint.epoch >= epoch else None

    job: Job = wait_until(kept, 90)
    return job


def training_of(worker: subprocess.Popen[bytes]) -> psutil.Process:
    """The training process that a worker supervises."""

    def find() -> psutil.Process | None:
        children = psutil.Process(worker.pid).children()
        return next((child for child in children if "training.run" in child.cmdline()), None)

    process: psutil.Process = wait_until(find, 60)
    return process


def is_gone(process: psutil.Process) -> bool:
    """Whether the process has ended."""
    return not process.is_running() or process.status() == psutil.STATUS_ZOMBIE


def infer(client: FlaskClient, user: Caller, project: str, content: bytes) -> list[dict[str, object]]:
    """Infer and fetch the predictions."""
    answer = user.call("POST", "/inference", project_name=project, image_data=encoded(content))
    assert answer.status_code == 200, answer.json
    found = client.get("/inference", query_string={"inference_mapping": answer.json["inference_mapping"]})
    return list(found.json)
