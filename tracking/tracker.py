"""The thread of a worker that logs ended jobs to MLflow, beside everything else it does and never in its way."""

from __future__ import annotations

import logging
import threading
import time
from pathlib import Path

from settings import Settings
from storage.job import Job
from storage.job_tracking import TrackingState
from storage.store import Store
from tracking.errors import LeaseLost, MlflowAway
from tracking.logbook import Logbook
from tracking.rest import Rest
from utils import DomainError, Unavailable

logger = logging.getLogger(__name__)

LOOK_SECONDS = 2.0
LEASE_SECONDS = 60.0
# After an outage nobody waits longer than five minutes for what was missed.
_LONGEST_PAUSE_SECONDS = 300.0
# What MLflow refuses it is asked for again for a day.
_WAITS_SECONDS = (10, 60, 300, 1800, 3600, 7200, 14_400, 28_800, 28_800)


class Tracker:
    """Looks for ended jobs until it is stopped, the oldest first. Any number of workers may do it at once.

    Args:
        look_seconds: how long to rest when there is nothing; after an outage up to five minutes.
        lease_seconds: after this a job is taken from a worker that is gone; longer than any answer of MLflow takes.
    """

    def __init__(
        self,
        store: Store,
        settings: Settings,
        stop: threading.Event,
        look_seconds: float = LOOK_SECONDS,
        lease_seconds: float = LEASE_SECONDS,
    ):
        self._store = store
        self._settings = settings
        self._stop = stop
        self._look_seconds = look_seconds
        self._lease_seconds = lease_seconds
        self._work = Path(settings.data_dir).absolute() / "work" / "tracking"
        self._outages = 0
        self.thread = threading.Thread(target=self._run, name="tracker", daemon=True)

    def _run(self) -> None:
        wait = self._look_seconds
        while not self._stop.wait(wait):
            try:
                wait = 0.0 if self.log_one() else self._look_seconds
            except MlflowAway as error:
                self._outages += 1
                wait = min(self._look_seconds * 2 ** min(self._outages, 10), _LONGEST_PAUSE_SECONDS)
                logger.warning("%s, trying again in %.0f s", error, wait)
            except Unavailable as error:
                wait = self._look_seconds
                logger.warning("%s", error)
            except Exception:  # one odd record must not end all tracking; its lease brings it back
                wait = self._look_seconds
                logger.exception("tracking failed, trying again")

    def log_one(self) -> bool:
        """Log the ended job that has waited longest; whether there was one.

        Raises:
            MlflowAway: and it waits on, in its place.
        """
        job = self._store.job_tracking.claim(self._lease_seconds)
        if job is None:
            return False
        lease = _Lease(self._store, job, self._lease_seconds, self._stop)
        try:
            self._log(job, lease)
            self._outages = 0
        except LeaseLost:
            logger.info("job %s: its tracking goes on later", job.id)
            self._store.job_tracking.leave(job, (job.tracking or {}).get("error"))
        except MlflowAway as away:
            self._store.job_tracking.leave(job, away.detail)
            raise
        except Unavailable:
            raise
        except DomainError as refused:
            self._refused(job, refused)
        return True

    def _log(self, job: Job, lease: _Lease) -> None:
        store = self._store
        project = store.projects.get(job.project_id)
        owner = store.users.names([job.owner_id]).get(job.owner_id) if project else None
        if project is None or owner is None:
            store.job_tracking.end(job, TrackingState.FAILED, "its project was deleted before it was logged")
            return
        Logbook(store, Rest(self._settings, lease.beat), self._work).log(job, project, owner)
        if store.job_tracking.end(job, TrackingState.LOGGED):
            logger.info("job %s: logged to MLflow", job.id)

    def _refused(self, job: Job, refused: DomainError) -> None:
        """Ask again later; after a day of that the job is done with."""
        refusals = int((job.tracking or {}).get("refusals", 0))
        logger.warning("job %s: %s", job.id, refused)
        if refusals < len(_WAITS_SECONDS):
            self._store.job_tracking.postpone(job, refused.detail, _WAITS_SECONDS[refusals])
        else:
            self._store.job_tracking.end(job, TrackingState.FAILED, refused.detail)


class _Lease:
    """Keeps a claimed job ours while it is logged."""

    def __init__(self, store: Store, job: Job, seconds: float, stop: threading.Event):
        self._store = store
        self._job = job
        self._seconds = seconds
        self._stop = stop
        self._renewed_at = time.monotonic()

    def beat(self) -> None:
        """Renew the lease when a quarter of it is over.

        Raises:
            LeaseLost: it is somebody else's, or the worker ends.
        """
        if self._stop.is_set():
            raise LeaseLost
        if time.monotonic() - self._renewed_at > self._seconds / 4:
            if not self._store.job_tracking.renew(self._job, self._seconds):
                raise LeaseLost
            self._renewed_at = time.monotonic()
