"""`python -m training.worker.importing WORKER_PID`: imports one archive after the other, as long as there are any.

A process of its own: what an archive does to a decoder stays away from trainings and from other imports.
"""

from __future__ import annotations

import logging
import os
import sys
import threading
from concurrent.futures import ThreadPoolExecutor

from datasets.imports.interrupts import Interrupts
from datasets.imports.run import ImportRun
from settings import Settings, SettingsError
from storage.import_record import Import
from storage.store import Store
from training.worker.identity import Identity
from utils import StopSignal, Unavailable, step_back

logger = logging.getLogger(__name__)

IDLE_SECONDS = 30.0
_LOOK_SECONDS = 0.5
_NICENESS = 10
_MOST_THREADS = 4


class Importer:
    """Claims imports and sees them through, one at a time."""

    def __init__(self, store: Store, settings: Settings, stop: threading.Event):
        self._store = store
        self._settings = settings
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
            self._import(record)

    def _claim(self) -> Import | None:
        try:
            return self._store.import_runs.claim(self._name)
        except Unavailable as error:
            logger.warning("%s", error)
            return None

    def _import(self, record: Import) -> None:
        logger.info("import %s: attempt %d", record.id, record.attempt)
        interrupts = Interrupts(self._stop)
        folder = self._settings.data_dir / "imports"
        threads = min(_MOST_THREADS, len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else 2)
        with (
            Heart(self._store, record, interrupts, self._settings.heartbeat_seconds),
            ThreadPoolExecutor(threads) as pool,
        ):
            run = ImportRun(self._store, self._settings, record, folder, pool, interrupts)
            try:
                run.run()
            except Unavailable as error:
                logger.warning("import %s: %s", record.id, error)  # its lease brings it back
            # An error in here is ours or the machine's (a full disk), and the next import must start all the same.
            except Exception as error:
                logger.exception("import %s failed", record.id)
                self._give_back(run, error)

    def _give_back(self, run: ImportRun, error: Exception) -> None:
        try:
            run.fail(error)
        except Unavailable:
            logger.warning("the import could not be given back, its lease brings it back")


class Heart:
    """A thread that renews the lease of an import, and notices when somebody wants it to end."""

    def __init__(self, store: Store, record: Import, interrupts: Interrupts, interval_seconds: float):
        self._store = store
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
        while not self._done.wait(self._interval_seconds):
            try:
                self._beat()
            except Unavailable:
                logger.warning("import %s: the database does not answer, it goes on", self._record.id)
            # A thread that died here would let the lease run out under a healthy import.
            except Exception:
                logger.exception("import %s: a heartbeat failed", self._record.id)

    def _beat(self) -> None:
        now = self._store.import_runs.beat(self._record)
        if now is None:
            self._interrupts.lost.set()
        elif now.cancel_requested:
            self._interrupts.cancelled.set()


def main(worker_pid: int) -> int:
    """Work until there is nothing to do for a while, SIGTERM comes, or the worker that started it is gone.

    An import that runs then goes back to the queue.

    Args:
        worker_pid: of that worker, which may be gone already.
    """
    try:
        settings = Settings.from_environment()
    except SettingsError as error:
        sys.stderr.write(f"diyml importer: {error}\n")
        return 1
    logging.basicConfig(level=settings.log_level, format="%(asctime)s %(levelname)s %(name)s: %(message)s")
    logging.getLogger("pymongo").setLevel(logging.WARNING)
    step_back(_NICENESS)
    signal, stop = StopSignal(), threading.Event()
    store = Store(settings)
    importer = threading.Thread(target=Importer(store, settings, stop).run, name="importer")
    importer.start()
    # Without its worker it would belong to nobody, and wait for a database that may be gone as well.
    while importer.is_alive() and os.getppid() == worker_pid and not signal.wait(_LOOK_SECONDS):
        pass
    stop.set()
    importer.join()
    store.close()
    return 0


if __name__ == "__main__":
    sys.exit(main(int(sys.argv[1])))
