"""Starts the processes that import, as many as there is work for, and gives lost imports back to the queue."""

from __future__ import annotations

import logging
import os
import subprocess
import sys
import threading
import time

from bson import ObjectId

from settings import Settings, child_environment
from storage.store import Store
from training.worker.identity import Identity
from utils import Unavailable

logger = logging.getLogger(__name__)

LOST = "the process that imported was lost"
_LOOK_SECONDS = 2.0
_TIDY_SECONDS = 60.0
_STOP_SECONDS = 10.0


class Importers:
    """A thread that looks for queued imports until it is stopped.

    A process is started when there is something to do and none waits for it; it ends by itself when it has nothing to
    do for a while. So a worker that nobody imports on has none.
    """

    def __init__(self, store: Store, settings: Settings, stop: threading.Event):
        self._store = store
        self._settings = settings
        self._stop = stop
        self._call = threading.Event()
        self._me = Identity.of_this_process()
        self._processes: list[subprocess.Popen[bytes]] = []
        self._suspects: set[tuple[ObjectId, int]] = set()
        self._tidied_at = -_TIDY_SECONDS
        self.thread = threading.Thread(target=self._run, name="importers")

    def call(self) -> None:
        """There may be something to do."""
        self._call.set()

    def _run(self) -> None:
        while not self._stop.is_set():
            self._call.clear()
            try:
                self._look()
            except Unavailable as error:
                self._suspects = set()
                logger.warning("%s", error)
            # A thread that died here would leave every later import waiting.
            except Exception:
                logger.exception("looking after imports failed, trying again")
            self._call.wait(_LOOK_SECONDS)
        self._end_processes()

    def _look(self) -> None:
        self._processes = [process for process in self._processes if process.poll() is None]
        self.reap()
        if len(self._processes) < self._settings.importers and self._store.import_runs.queued() > self._idle():
            self._processes.append(self._start())
        if time.monotonic() - self._tidied_at > _TIDY_SECONDS:
            self._tidied_at = time.monotonic()
            self._store.imports.give_up()
            self._store.imports.drop_pieces()

    def _idle(self) -> int:
        """How many of the processes have nothing to do, or are about to look for it."""
        pids = {process.pid for process in self._processes}
        busy = sum(self._me.pid_here(record.worker) in pids for record in self._store.import_runs.running())
        return len(pids) - busy

    def _start(self) -> subprocess.Popen[bytes]:
        # Its log is that of the worker.
        return subprocess.Popen(
            [sys.executable, "-m", "training.worker.importing", str(os.getpid())],
            env=child_environment(self._settings),
            stdin=subprocess.DEVNULL,
        )

    def reap(self) -> None:
        """Give imports whose process is gone, or whose lease ran out at two looks in a row, back to the queue."""
        runs = self._store.import_runs
        for record in runs.running():
            if self._me.knows_gone(record.worker):
                logger.warning("import %s: its process %s is gone", record.id, record.worker)
                runs.release(record, LOST)
        expired = list(runs.expired())
        for record in expired:
            if (record.id, record.attempt) in self._suspects:
                logger.warning("import %s: no heartbeat from %s", record.id, record.worker)
                runs.release(record, LOST)
        self._suspects = {(record.id, record.attempt) for record in expired}

    def _end_processes(self) -> None:
        for process in self._processes:
            process.terminate()
        deadline = time.monotonic() + _STOP_SECONDS
        for process in self._processes:
            try:
                process.wait(max(0.1, deadline - time.monotonic()))
            except subprocess.TimeoutExpired:
                process.kill()
                process.wait()
