"""What workers do beside training: take over abandoned jobs, finish interrupted steps, sweep."""

from __future__ import annotations

import logging
import threading
import time

from bson import ObjectId

from storage.store import Store
from storage.sweeper import sweep
from training.promotion import hand_over
from training.worker.identity import Identity
from utils import NotFound, Unavailable

logger = logging.getLogger(__name__)

LOOK_SECONDS = 2.0
_SWEEP_SECONDS = 60.0
LOST = "the worker that trained was lost"


class Housekeeper:
    """A thread that tidies up until it is stopped. Any number of workers may do it at once."""

    def __init__(self, store: Store, stop: threading.Event, look_seconds: float = LOOK_SECONDS):
        self._store = store
        self._stop = stop
        self._look_seconds = look_seconds
        self._me = Identity.of_this_process()
        self._suspects: set[tuple[ObjectId, int]] = set()
        self._swept_at = -_SWEEP_SECONDS
        self.thread = threading.Thread(target=self._run, name="housekeeper", daemon=True)

    def reap(self) -> None:
        """Give jobs whose worker is gone, or whose lease ran out, back to the queue.

        A job is taken only when two looks in a row find it so: after an outage of the database its own worker
        beats first and keeps it. A worker of this machine whose process is gone needs no such patience.
        """
        for job in self._store.job_runs.running():
            if self._me.knows_gone(job.worker):
                logger.warning("job %s: its worker %s is gone, giving it back to the queue", job.id, job.worker)
                self._store.job_runs.release(job, LOST)
        expired = list(self._store.job_runs.expired())
        for job in expired:
            if (job.id, job.attempt) in self._suspects:
                logger.warning("job %s: no heartbeat from %s, giving it back to the queue", job.id, job.worker)
                self._store.job_runs.release(job, LOST)
        self._suspects = {(job.id, job.attempt) for job in expired}

    def finish(self) -> None:
        """Hand over models of succeeded jobs whose worker ended between the two steps."""
        for job in self._store.jobs.unserved():
            try:
                hand_over(self._store, job, self._store.models.get(job.result))
            except NotFound:
                self._store.jobs.mark_served(job.id)  # the project was deleted with its models

    def _run(self) -> None:
        while not self._stop.wait(self._look_seconds):
            try:
                self.reap()
                self.finish()
                if time.monotonic() - self._swept_at > _SWEEP_SECONDS:
                    self._swept_at = time.monotonic()
                    logger.debug("swept %s", sweep(self._store))
            except Unavailable as error:
                self._suspects = set()
                logger.warning("%s", error)
            except Exception:  # housekeeping that stopped at one odd record would leave every later one undone
                logger.exception("housekeeping failed, trying again")
