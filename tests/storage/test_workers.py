"""Workers as others see them: there, silent, gone; and what their devices do."""

from __future__ import annotations

from datetime import timedelta

from storage.device import Device, DeviceKind
from storage.store import Store
from storage.workers import SILENT_SECONDS, Announcement
from tests.storage.test_jobs import a_job
from utils import utc_now

THE_CPU = Device(DeviceKind.CPU, 0, "a processor", 2**34)
GPUS = tuple(Device(DeviceKind.GPU, index, "a GPU", 2**37) for index in range(2))


def announce(store: Store, worker_id: str, *devices: Device) -> None:
    store.workers.announce(Announcement(worker_id, "host", 1, "0", devices))


def age(store: Store, worker_id: str, seconds: float) -> None:
    seen = utc_now() - timedelta(seconds=seconds)
    assert store.database["workers"].update_one({"_id": worker_id}, {"$set": {"seen_at": seen}}).matched_count == 1


def test_a_worker_is_there_from_its_announcement_until_it_is_forgotten(store: Store) -> None:
    announce(store, "w", THE_CPU)
    (first,) = store.workers.live()
    announce(store, "w", THE_CPU)
    (again,) = store.workers.live()
    assert (again.id, again.host, [item.device for item in again.devices]) == ("w", "host", [THE_CPU])
    assert again.started_at == first.started_at
    store.workers.forget("w")
    assert store.workers.all() == []


def test_a_worker_that_falls_silent_counts_no_more_and_expires(store: Store) -> None:
    announce(store, "w", THE_CPU)
    age(store, "w", SILENT_SECONDS + 1)
    assert store.workers.live() == []
    (silent,) = store.workers.all()
    assert SILENT_SECONDS < silent.silent_seconds < SILENT_SECONDS + 60
    assert "expireAfterSeconds" in store.database["workers"].index_information()["seen_at_1"]
    announce(store, "w", THE_CPU)
    assert [worker.id for worker in store.workers.live()] == ["w"]


def test_each_device_tells_the_job_that_runs_on_it(store: Store) -> None:
    announce(store, "w", THE_CPU, *GPUS)
    announce(store, "v", THE_CPU)
    a_job(store, "ada", "p")
    job = store.job_runs.claim("w", GPUS[1])
    assert job
    assert job.ran_on == GPUS[1]
    doing = {worker.id: [item.job_id for item in worker.devices] for worker in store.workers.live()}
    assert doing == {"w": [None, None, job.id], "v": [None]}
    assert store.job_runs.fail(job, "done")
    assert not any(item.job_id for worker in store.workers.live() for item in worker.devices)
