"""The worker: receives wake-ups through Celery, claims jobs and runs one a device at a time.

Start it with `python -m training.worker`; it needs MONGO_URI.
"""

from __future__ import annotations

import logging
import os
import signal
import sys
import threading
from contextlib import suppress
from queue import SimpleQueue

from datasets.cache import DatasetCache
from notifications.notifier import notifier
from storage.device import Device
from storage.job import Job
from storage.store import Store
from training.devices import DeviceMissing, LocalDevice, find_devices
from training.housekeeping import Housekeeper
from training.identity import Identity
from training.presence import Presence
from training.queue import celery_app, queues_of
from training.receiver import Receiver
from training.supervisor import Supervisor
from utils import Settings, SettingsError, Unavailable, without_folders

logger = logging.getLogger(__name__)

_LOOK_SECONDS = 2.0


class Desk:
    """A thread that claims jobs for one device and runs them as long as there are any, then waits for the next call.

    Celery's own task only calls: it ends at once, so no training ever holds a message, a prefetch slot or a broker's
    consumer timeout. A call that is lost delays a job by `_LOOK_SECONDS`.
    """

    def __init__(self, store: Store, supervisor: Supervisor, device: Device, stop: threading.Event):
        self._store = store
        self._device = device
        self._supervisor = supervisor
        self._stop = stop
        self._call = threading.Event()
        self._name = str(Identity.of_this_process())
        self.thread = threading.Thread(target=self._run, name=f"desk {device}")

    def call(self) -> None:
        """There may be something to do."""
        self._call.set()

    def _run(self) -> None:
        while not self._prepared() and not self._stop.wait(_LOOK_SECONDS):
            pass
        while not self._stop.is_set():
            self._call.clear()
            job = self._claim()
            if job is None:
                self._call.wait(_LOOK_SECONDS)
                continue
            try:
                self._supervisor.run(job)
            # An error in here is ours or the machine's (a full disk), and the next job must start all the same.
            except Exception as error:
                logger.exception("job %s: supervision failed", job.id)
                self._give_back(job, f"the worker could not see the training through: {without_folders(str(error))}")

    def _give_back(self, job: Job, reason: str) -> None:
        with suppress(Unavailable):  # then its lease brings it back
            self._store.job_runs.release(job, reason)

    def _prepared(self) -> bool:
        try:
            self._store.prepare()
        except Unavailable as error:
            logger.warning("%s", error)
            return False
        return True

    def _claim(self) -> Job | None:
        try:
            return self._store.job_runs.claim(self._name, self._device)
        except Unavailable as error:
            logger.warning("%s", error)
            return None


class Crew:
    """All threads of a worker: a desk for each device, and those that do what is to be done beside training."""

    def __init__(self, store: Store, settings: Settings, devices: list[LocalDevice]):
        self._stop = stop = threading.Event()
        cache = DatasetCache(settings.data_dir / "cache" / "images", settings.dataset_cache_bytes)
        self._desks = [
            Desk(store, Supervisor(store, settings, stop, device, cache), device, stop) for device in devices
        ]
        self._threads = [desk.thread for desk in self._desks]
        self._threads += [Housekeeper(store, stop).thread, Presence(store, devices, stop).thread]
        self._threads.append(notifier(store, settings, stop).thread)

    def start(self) -> None:
        """Begin."""
        for thread in self._threads:
            thread.start()

    def call(self) -> None:
        """There may be something to do; the first desk whose device fits takes it."""
        for desk in self._desks:
            desk.call()

    def stop(self) -> None:
        """Ask all to end."""
        self._stop.set()
        self.call()

    def join(self) -> None:
        """Wait until all have ended."""
        for thread in self._threads:
            thread.join()


def main() -> int:
    """Work until SIGTERM or SIGINT; trainings that run then go back to the queue."""
    try:
        settings = Settings.from_environment()
        devices = find_devices(settings.devices)
    except (SettingsError, DeviceMissing) as error:
        sys.stderr.write(f"diyml worker: {error}\n")
        return 1
    logging.basicConfig(level=settings.log_level, format="%(asctime)s %(levelname)s %(name)s: %(message)s")
    logging.getLogger("pymongo").setLevel(logging.WARNING)
    # A handler may interrupt whoever holds the lock of an event; this queue is made for that.
    signals: SimpleQueue[int] = SimpleQueue()
    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, lambda received, _frame: signals.put(received))
    logger.info("training on %s", ", ".join(f"{device} ({device.name})" for device in devices))
    store = Store(settings)
    crew = Crew(store, settings, devices)
    crew.start()
    listening = queues_of(device.kind for device in devices)
    Receiver(celery_app(settings), listening, crew.call, settings.log_level).thread.start()
    signals.get()
    logger.info("asked to stop")
    crew.stop()
    crew.join()
    store.close()
    return 0


if __name__ == "__main__":
    # The receiver may be waiting for its broker, and nothing of it is worth waiting for.
    status = main()
    sys.stdout.flush()
    sys.stderr.flush()
    os._exit(status)
