"""The worker: receives wake-ups through Celery, claims jobs and runs them one at a time.

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

from storage.job import Job
from storage.store import Store
from training.housekeeping import Housekeeper
from training.identity import Identity
from training.queue import celery_app
from training.receiver import Receiver
from training.supervisor import Supervisor
from utils import Settings, Unavailable, without_folders

logger = logging.getLogger(__name__)

_LOOK_SECONDS = 2.0


class Desk:
    """A thread that claims and runs jobs as long as there are any, then waits for the next call.

    Celery's own task only calls: it ends at once, so no training ever holds a message, a prefetch slot or a broker's
    consumer timeout. A call that is lost delays a job by `_LOOK_SECONDS`.
    """

    def __init__(self, store: Store, supervisor: Supervisor, stop: threading.Event):
        self._store = store
        self._supervisor = supervisor
        self._stop = stop
        self._call = threading.Event()
        self._name = str(Identity.of_this_process())
        self.thread = threading.Thread(target=self._run, name="desk")

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
            return self._store.job_runs.claim(self._name)
        except Unavailable as error:
            logger.warning("%s", error)
            return None


def main() -> int:
    """Work until SIGTERM or SIGINT; a training that runs then goes back to the queue."""
    settings = Settings.from_environment()
    logging.basicConfig(level=settings.log_level, format="%(asctime)s %(levelname)s %(name)s: %(message)s")
    logging.getLogger("pymongo").setLevel(logging.WARNING)
    # A handler may interrupt whoever holds the lock of an event; this queue is made for that.
    signals: SimpleQueue[int] = SimpleQueue()
    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, lambda received, _frame: signals.put(received))
    stop = threading.Event()
    store = Store(settings)
    desk = Desk(store, Supervisor(store, settings, stop), stop)
    housekeeper = Housekeeper(store, stop)
    desk.thread.start()
    housekeeper.thread.start()
    Receiver(celery_app(settings), desk.call, settings.log_level).thread.start()
    signals.get()
    logger.info("asked to stop")
    stop.set()
    desk.call()
    desk.thread.join()
    housekeeper.thread.join()
    store.close()
    return 0


if __name__ == "__main__":
    # The receiver may be waiting for its broker, and nothing of it is worth waiting for.
    status = main()
    sys.stdout.flush()
    sys.stderr.flush()
    os._exit(status)
