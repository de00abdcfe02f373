"""The `workers` collection: who is there to train, and on what.

A worker announces itself every few seconds and is forgotten when it ends in order. One that is killed or cut off falls
silent: it no longer counts after `SILENT_SECONDS`, and its document expires. Nothing but what people are told hangs on
it: jobs belong to whoever holds their lease. What a device does is read from the jobs, so that there are no two truths.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime

from bson import ObjectId

from storage.database import Database, Document, shielded
from storage.device import Device, device_of
from storage.job import JobState

BEAT_SECONDS = 3.0
SILENT_SECONDS = 15.0
_FORGOTTEN_SECONDS = 3600


@dataclass(frozen=True)
class Announcement:
    """What a worker says of itself.

    Attributes:
        id: the name under which it claims jobs.
        version: of DIYML.
    """

    id: str
    host: str
    pid: int
    version: str
    devices: tuple[Device, ...]


@dataclass(frozen=True)
class WorkerDevice:
    """A device of a worker, and the job that runs on it."""

    device: Device
    job_id: ObjectId | None


@dataclass(frozen=True)
class Worker:
    """A worker as others see it.

    Attributes:
        silent_seconds: since it was last heard of, by the database server's clock, as is `started_at`.
    """

    id: str
    host: str
    pid: int
    version: str
    started_at: datetime
    silent_seconds: float
    devices: tuple[WorkerDevice, ...]

    @property
    def lives(self) -> bool:
        """Whether it was heard of not long ago."""
        return self.silent_seconds < SILENT_SECONDS


@shielded
class Workers:
    """All workers that were heard of in the last hour and did not take their leave."""

    def __init__(self, database: Database[Document]):
        self._workers = database["workers"]
        self._jobs = database["jobs"]

    def create_indexes(self) -> None:
        self._workers.create_index("seen_at", expireAfterSeconds=_FORGOTTEN_SECONDS)

    def announce(self, worker: Announcement) -> None:
        """Say that it is there now."""
        said = {
            "host": worker.host,
            "pid": worker.pid,
            "version": worker.version,
            "devices": [device.to_row() for device in worker.devices],
        }
        change = {name: {"$literal": value} for name, value in said.items()}
        times = {"seen_at": "$$NOW", "started_at": {"$ifNull": ["$started_at", "$$NOW"]}}
        self._workers.update_one({"_id": worker.id}, [{"$set": {**change, **times}}], upsert=True)

    def forget(self, worker_id: str) -> None:
        """It has ended."""
        self._workers.delete_one({"_id": worker_id})

    def ids(self) -> list[str]:
        """Ids of all."""
        return [row["_id"] for row in self._workers.find({}, {"_id": 1})]

    def all(self) -> list[Worker]:
        """All, also those that have fallen silent, by host and start."""
        silent = {"silent_ms": {"$subtract": ["$$NOW", "$seen_at"]}}
        rows = list(self._workers.aggregate([{"$set": silent}, {"$sort": {"host": 1, "started_at": 1, "_id": 1}}]))
        jobs = self._running([row["_id"] for row in rows])
        return [_worker_of(row, jobs) for row in rows]

    def live(self) -> list[Worker]:
        """Those that are there now."""
        return [worker for worker in self.all() if worker.lives]

    def _running(self, worker_ids: list[str]) -> dict[tuple[str, Device], ObjectId]:
        query = {"state": JobState.RUNNING.value, "worker": {"$in": worker_ids}, "ran_on": {"$exists": True}}
        rows = self._jobs.find(query, {"worker": 1, "ran_on": 1})
        return {(row["worker"], device_of(row["ran_on"])): row["_id"] for row in rows}


def _worker_of(row: Document, jobs: dict[tuple[str, Device], ObjectId]) -> Worker:
    devices = [device_of(device) for device in row["devices"]]
    return Worker(
        id=row["_id"],
        host=row["host"],
        pid=row["pid"],
        version=row["version"],
        started_at=row["started_at"],
        silent_seconds=row["silent_ms"] / 1000,
        devices=tuple(WorkerDevice(device, jobs.get((row["_id"], device))) for device in devices),
    )
