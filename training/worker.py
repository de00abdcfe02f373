"""The worker: receives wake-ups through Celery, claims jobs and runs them one at a time.

Start it with `python -m training.worker`; it needs MONGO_URI.
"""

from __future__ import annotations

import logging
import signal
import sys
import threading
from contextlib import suppress

from celery.exceptions import WorkerShutdown
from celery.signals import worker_ready, worker_shutting_down

from notifications.notifier import notifier
from storage.job import Job
from storage.store import Store
from training.housekeeping import Housekeeper
from training.identity import Identity
from training.queue import WAKE, celery_app
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
    stop = threading.Event()
    store = Store(settings)
    desk = Desk(store, Supervisor(store, settings, stop), stop)
    housekeeper = Housekeeper(store, stop)
    told = notifier(store, settings, stop)
    app = celery_app(settings)
    app.task(desk.call, name=WAKE)

    def stop_working(**_: object) -> None:
        stop.set()
        desk.call()

    def end_at_once(*_: object) -> None:
        """Celery notices a signal only between two polls of a few seconds, and no task of ours needs to be awaited."""
        stop_working()
        raise WorkerShutdown(0)

    def take_signals(**_: object) -> None:
        signal.signal(signal.SIGTERM, end_at_once)

    worker_ready.connect(take_signals)
    worker_shutting_down.connect(stop_working)
    desk.thread.start()
    housekeeper.thread.start()
    told.thread.start()
    arguments = ["worker", "--pool=solo", "--concurrency=1", "--without-gossip", "--without-mingle"]
    try:
        app.worker_main([*arguments, "--without-heartbeat", f"--loglevel={settings.log_level}"])
    except SystemExit as end:
        return int(end.code or 0)
    finally:
        stop_working()
        desk.thread.join()
        housekeeper.thread.join()
        told.thread.join()
        store.close()
    return 0


if __name__ == "__main__":
    sys.exit(main())
