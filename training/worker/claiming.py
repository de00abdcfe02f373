"""The life of a process that works on imports, or on what is like them: claim one, see it through, claim the next."""

from __future__ import annotations

import logging
import os
import sys
import threading
from collections.abc import Callable
from typing import Protocol

from datasets.imports.interrupts import Interrupts
from settings import Settings, SettingsError
from storage.import_record import Import
from storage.import_runs import ImportRuns
from storage.store import Store
from training.worker.identity import Identity
from utils import StopSignal, Unavailable, step_back

logger = logging.getLogger(__name__)

IDLE_SECONDS = 30.0
_LOOK_SECONDS = 0.5
_NICENESS = 10


class Run(Protocol):
    """One attempt at one of them."""

    def run(self) -> None:
        """See it through, and record the end; what interrupts it is recorded as well."""

    def fail(self, error: Exception) -> None:
        """Give it back after a fault of ours, which another attempt may not meet."""


class Work(Protocol):
    """What a process of one kind does."""

    runs: ImportRuns
    noun: str

    def attempt(self, record: Import, interrupts: Interrupts) -> Run:
        """An attempt at what was claimed."""

    def close(self) -> None:
        """The process ends."""


class Claimer:
    """Claims what is queued and sees it through, one at a time."""

    def __init__(self, work: Work, heartbeat_seconds: float, stop: threading.Event):
        self._work = work
        self._heartbeat_seconds = heartbeat_seconds
        self._stop = stop
        self._name = str(Identity.of_this_process())

    def run(self) -> None:
        """Work until asked to stop, or idle for long."""
        idle = 0.0
        while idle < IDLE_SECONDS and not self._stop.is_set():
            record = self._claim()
            if record is None:
                idle += _LOOK_SECONDS
                self._stop.wait(_LOOK_SECONDS)
                continue
            idle = 0.0
            self._see_through(record)

    def _claim(self) -> Import | None:
        try:
            return self._work.runs.claim(self._name)
        except Unavailable as error:
            logger.warning("%s", error)
            return None

    def _see_through(self, record: Import) -> None:
        noun = self._work.noun
        logger.info("%s %s: attempt %d", noun, record.id, record.attempt)
        interrupts = Interrupts(self._stop)
        with Heart(self._work, record, interrupts, self._heartbeat_seconds):
            run = self._work.attempt(record, interrupts)
            try:
                run.run()
            except Unavailable as error:
                logger.warning("%s %s: %s", noun, record.id, error)  # its lease brings it back
            except Exception as error:  # ours or the machine's (a full disk), and the next one must start all the same
                logger.exception("%s %s failed", noun, record.id)
                self._give_back(run, error)

    def _give_back(self, run: Run, error: Exception) -> None:
        try:
            run.fail(error)
        except Unavailable:
            logger.warning("the %s could not be given back, its lease brings it back", self._work.noun)


class Heart:
    """A thread that renews the lease of what is worked on, and notices when somebody wants it to end."""

    def __init__(self, work: Work, record: Import, interrupts: Interrupts, interval_seconds: float):
        self._work = work
        self._record = record
        self._interrupts = interrupts
        self._interval_seconds = interval_seconds
        self._done = threading.Event()
        self._thread = threading.Thread(target=self._run, name=f"heart-{record.id}", daemon=True)

    def __enter__(self) -> Heart:
        self._thread.start()
        return self

    def __exit__(self, *error: object) -> None:
        self._done.set()
        self._thread.join()

    def _run(self) -> None:
        noun, id = self._work.noun, self._record.id
        while not self._done.wait(self._interval_seconds):
            try:
                self._beat()
            except Unavailable:
                logger.warning("%s %s: the database does not answer, it goes on", noun, id)
            except Exception:  # a thread that died here would let the lease run out under a healthy run
                logger.exception("%s %s: a heartbeat failed", noun, id)

    def _beat(self) -> None:
        now = self._work.runs.beat(self._record)
        if now is None:
            self._interrupts.lost.set()
        elif now.cancel_requested:
            self._interrupts.cancelled.set()


def work_for(worker_pid: int, name: str, make: Callable[[Store, Settings], Work]) -> int:
    """Work until there is nothing to do for a while, SIGTERM comes, or the worker that started it is gone.

    What runs then goes back to the queue.

    Args:
        worker_pid: of that worker, which may be gone already.
        name: of the process, for messages.
        make: makes the work.
    """
    try:
        settings = Settings.from_environment()
    except SettingsError as error:
        sys.stderr.write(f"diyml {name}: {error}\n")
        return 1
    logging.basicConfig(level=settings.log_level, format="%(asctime)s %(levelname)s %(name)s: %(message)s")
    logging.getLogger("pymongo").setLevel(logging.WARNING)
    step_back(_NICENESS)
    signal, stop = StopSignal(), threading.Event()
    store = Store(settings)
    work = make(store, settings)
    claimer = threading.Thread(target=Claimer(work, settings.heartbeat_seconds, stop).run, name=name)
    claimer.start()
    # Without its worker it would belong to nobody, and wait for a database that may be gone as well.
    while claimer.is_alive() and os.getppid() == worker_pid and not signal.wait(_LOOK_SECONDS):
        pass
    stop.set()
    claimer.join()
    work.close()
    store.close()
    return 0
