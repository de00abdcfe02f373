"""Keeps a job's lease alive while it runs, and notices when the job should end."""

from __future__ import annotations

import logging
import threading
from contextlib import suppress

from storage.job import Job
from storage.job_events import Event, numbered
from storage.store import Store
from training.worker.news import news_of
from training.worker.progress import Progress
from utils import Unavailable

logger = logging.getLogger(__name__)


class Heart:
    """A thread that beats: each beat renews the lease, records progress and reads back what others want.

    A database that does not answer is no reason to give up a training: nobody else can take the job meanwhile, and
    the first beat that gets through says whether it is still ours.

    What the progress tells becomes events after the beat, under the numbers that the beat reserved.
    """

    def __init__(self, store: Store, job: Job, progress: Progress, interval_seconds: float):
        self._store = store
        self._job = job
        self._progress = progress
        self._interval_seconds = interval_seconds
        self._seen = job
        self._unwritten: list[Event] = []
        self._one_at_a_time = threading.Lock()
        self._stop = threading.Event()
        self._thread = threading.Thread(target=self._run, name=f"heart-{job.id}", daemon=True)
        self.lost = threading.Event()
        self.cancelled = threading.Event()
        self.stopping = threading.Event()

    def __enter__(self) -> Heart:
        self._thread.start()
        return self

    def __exit__(self, *error: object) -> None:
        self._stop.set()
        self._thread.join()
        with suppress(Unavailable):
            self._write_events()

    def beat(self) -> None:
        """Beat once now.

        Raises:
            Unavailable: the database does not answer; nothing is lost, the news go out with the next beat.
        """
        with self._one_at_a_time:
            fields, history, log = self._progress.take()
            news, kept = news_of(self._seen, fields, history, log)
            try:
                job = self._store.job_runs.beat(self._job, {**fields, **kept}, history, log, events=len(news))
            except Unavailable:
                self._progress.give_back(fields, history, log)
                raise
            if job is None:
                self.lost.set()
                return
            self._seen = job
            if job.cancel_requested:
                self.cancelled.set()
            if job.stop_requested:
                self.stopping.set()
            self._unwritten += numbered(job, news)
            self._write_events()

    def _write_events(self) -> None:
        if self._unwritten:
            self._store.job_events.add(self._job.id, self._unwritten)
            self._unwritten = []

    def _run(self) -> None:
        while not self._stop.wait(self._interval_seconds):
            try:
                self.beat()
            except Unavailable:
                logger.warning("job %s: the database does not answer, training goes on", self._job.id)
            except Exception:  # a thread that died here would let the lease run out under a healthy training
                logger.exception("job %s: a heartbeat failed", self._job.id)
