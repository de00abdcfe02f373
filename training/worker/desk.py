"""Where the jobs of one device are claimed and run, one after the other."""

from __future__ import annotations

import logging
import threading
from contextlib import suppress

from storage.device import Device
from storage.job import Job
from storage.store import Store
from training.worker.identity import Identity
from training.worker.supervisor import Supervisor
from utils import Unavailable, without_folders

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
            except Exception as error:  # ours or the machine's (a full disk), and the next job must start all the same
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
