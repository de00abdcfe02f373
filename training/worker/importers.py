"""Starts the processes that import or predict, as many as there is work for, and gives what is lost to the queue."""

from __future__ import annotations

import logging
import os
import subprocess
import sys
import threading
import time
from collections.abc import Callable
from dataclasses import dataclass

from bson import ObjectId

from environments import child_environment
from settings import Settings
from storage.import_runs import ImportRuns
from storage.imports import Imports
from storage.store import Store
from training.worker.identity import Identity
from utils import Unavailable

logger = logging.getLogger(__name__)

LOST = "the process that worked on it was lost"
_LOOK_SECONDS = 2.0
_TIDY_SECONDS = 60.0
_STOP_SECONDS = 10.0


@dataclass(frozen=True)
class Trade:
    """What processes of one kind do.

    Attributes:
        records: what is worked on; `runs` is the side of those who do.
        module: of a process, run with `-m`.
        most: processes at a time.
        tidy: is called now and then.
    """

    records: Imports
    runs: ImportRuns
    module: str
    most: int
    tidy: Callable[[], None]


def importing(store: Store, settings: Settings) -> Trade:
    """That of imports."""
    return Trade(store.imports, store.import_runs, "training.worker.importing", settings.importers, store.imports.tidy)


class Importers:
    """A thread that looks for queued imports, or what is like them, until it is stopped.

    A process is started when there is something to do and none waits for it; it ends by itself when it has nothing to
    do for a while. So a worker that nobody imports on has none.
    """

    def __init__(self, trade: Trade, settings: Settings, stop: threading.Event):
        self._trade = trade
        self._noun = trade.records.NOUN
        self._settings = settings
        self._stop = stop
        self._call = threading.Event()
        self._me = Identity.of_this_process()
        self._processes: list[subprocess.Popen[bytes]] = []
        self._suspects: set[tuple[ObjectId, int]] = set()
        self._tidied_at = -_TIDY_SECONDS
        self.thread = threading.Thread(target=self._run, name=f"{self._noun}s")

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
            except Exception:  # a thread that died here would leave every later import waiting
                logger.exception("looking after %ss failed, trying again", self._noun)
            self._call.wait(_LOOK_SECONDS)
        self._end_processes()

    def _look(self) -> None:
        self._processes = [process for process in self._processes if process.poll() is None]
        self.reap()
        if len(self._processes) < self._trade.most and self._trade.runs.queued() > self._idle():
            self._processes.append(self._start())
        if time.monotonic() - self._tidied_at > _TIDY_SECONDS:
            self._tidied_at = time.monotonic()
            self._trade.tidy()

    def _idle(self) -> int:
        """How many of the processes have nothing to do, or are about to look for it."""
        pids = {process.pid for process in self._processes}
        busy = sum(self._me.pid_here(record.worker) in pids for record in self._trade.runs.running())
        return len(pids) - busy

    def _start(self) -> subprocess.Popen[bytes]:
        # Its log is that of the worker.
        return subprocess.Popen(
            [sys.executable, "-m", self._trade.module, str(os.getpid())],
            env=child_environment(self._settings),
            stdin=subprocess.DEVNULL,
        )

    def reap(self) -> None:
        """Give back to the queue what has lost its process, or whose lease ran out at two looks in a row."""
        runs, noun = self._trade.runs, self._noun
        for record in runs.running():
            if self._me.knows_gone(record.worker):
                logger.warning("%s %s: its process %s is gone", noun, record.id, record.worker)
                runs.release(record, LOST)
        expired = list(runs.expired())
        for record in expired:
            if (record.id, record.attempt) in self._suspects:
                logger.warning("%s %s: no heartbeat from %s", noun, record.id, record.worker)
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
