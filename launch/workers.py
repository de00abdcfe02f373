"""`diyml workers`: who trains where, for the operator."""

from __future__ import annotations

import dataclasses
from collections.abc import Callable, Iterator

from launch.family import LaunchError
from launch.folder import holder_of, open_folder
from settings import Settings
from storage.mongod import EmbeddedMongod
from storage.store import Store
from storage.workers import Worker, WorkerDevice
from utils import Unavailable

GIBIBYTE = 1024**3


def list_workers(settings: Settings, say: Callable[[str], None]) -> bool:
    """Say what workers there are and what they do.

    Returns:
        Whether any is there now.

    Raises:
        LaunchError: there is no database to ask.
    """
    store = Store(dataclasses.replace(settings, mongo_uri=settings.mongo_uri or _embedded(settings)))
    try:
        workers = store.workers.all()
    except Unavailable as error:
        raise LaunchError(error.detail) from error
    finally:
        store.close()
    for worker in workers:
        for line in _lines(worker):
            say(line)
    if not workers:
        say("No worker is running.")
    return any(worker.lives for worker in workers)


def _embedded(settings: Settings) -> str:
    folder = open_folder(settings.data_dir)
    holder = holder_of(folder)
    if not (holder and holder.embedded and holder.ready):
        raise LaunchError(f"no database runs on {folder}: start DIYML, or name its database with MONGO_URI")
    return EmbeddedMongod(folder).connection().uri


def _lines(worker: Worker) -> Iterator[str]:
    heard = "there" if worker.lives else f"silent for {_span(worker.silent_seconds)}"
    since = f"{worker.started_at:%Y-%m-%d %H:%M} UTC"
    yield f"{worker.host}  process {worker.pid}, version {worker.version}, since {since}, {heard}"
    for item in worker.devices:
        device = item.device
        yield f"  {device!s:<6}  {device.name}, {device.memory_bytes / GIBIBYTE:.1f} GiB: {_work(item)}"


def _work(item: WorkerDevice) -> str:
    return f"job {item.job_id}" if item.job_id else "free"


def _span(seconds: float) -> str:
    return f"{seconds:.0f} s" if seconds < 120 else f"{seconds / 60:.0f} min"
