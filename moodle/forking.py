"""The server's end of the process that tasks are forked from; see `moodle.fork_server`."""

from __future__ import annotations

import json
import os
import select
import socket
import subprocess
import sys
import tempfile
import threading
import weakref
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

from environments import scrubbed_environment
from moodle.temporary import temporary
from settings import MEBIBYTE, Settings
from utils import Unavailable

_TRIES = 2
# Loading takes seconds, and on a machine that is busy or has slow disks a minute.
_READY_SECONDS = 180.0
_MOST_THREADS = 4
_PIECE_BYTES = 64
_MATRIX_BYTES = 8 * MEBIBYTE


@dataclass(frozen=True)
class Forked:
    """A process that works on a task; `alive` is a pipe that is closed by its end, whatever that is."""

    pid: int
    alive: int

    def has_ended(self, patience_seconds: float) -> bool:
        """Whether it has, waiting a while for it."""
        return _is_told(self.alive, patience_seconds)

    def close(self) -> None:
        """Look no longer."""
        os.close(self.alive)


class ForkServer:
    """Starts that process when it is needed, and again when it has ended; it ends with this object."""

    def __init__(self, settings: Settings):
        self._idle_seconds = settings.moodle_idle_seconds
        # Half as far as trainings that nobody waits for: Moodle waits for its answer, and predictions go first.
        self._niceness = settings.training_niceness // 2
        self._settings = settings
        self._lock = threading.Lock()
        self._process: subprocess.Popen[bytes] | None = None
        self._control: socket.socket | None = None
        self._end: weakref.finalize[..., ForkServer] | None = None

    def start(self) -> None:
        """See that it is there, or on its way; one that had nothing to do for long has ended by itself."""
        with self._lock:
            if self._process is not None and self._process.poll() is not None:
                self._forget()
            self._started()

    def close(self) -> None:
        """End it."""
        with self._lock:
            self._forget()

    def fork(self, folder: Path, output: int) -> Forked:
        """A process that works on the task of a folder.

        Args:
            output: a file that it writes what it says to.

        Raises:
            Unavailable: it does not get ready.
        """
        message = json.dumps({"folder": str(folder), "niceness": self._niceness}).encode()
        for _ in range(_TRIES):
            alive, theirs = os.pipe()
            try:
                with self._lock:
                    control = self._started()
                    with suppress(OSError):  # it has ended a moment ago
                        socket.send_fds(control, [message], [output, theirs])
            finally:
                os.close(theirs)
            pid = _pid(alive)
            if pid is not None:
                return Forked(pid, alive)
            os.close(alive)
            with self._lock:
                if self._control is control:
                    self._forget()
        raise Unavailable("no process for this work could be started: try again later", retry_after_seconds=30)

    def _started(self) -> socket.socket:
        if self._control is None:
            ours, theirs = socket.socketpair()
            folder = temporary(self._settings)
            with theirs:
                self._process = subprocess.Popen(
                    [sys.executable, "-m", "moodle.fork_server", str(theirs.fileno()), str(self._idle_seconds)],
                    cwd=folder.name,
                    env=_environment(folder.name),
                    stdin=subprocess.DEVNULL,
                    stdout=subprocess.DEVNULL,
                    stderr=subprocess.DEVNULL,
                    pass_fds=[theirs.fileno()],
                    start_new_session=True,
                )
            self._control = ours
            self._end = weakref.finalize(self, _end, self._process, ours, folder)
        return self._control

    def _forget(self) -> None:
        if self._end is not None:
            self._end()
        self._process = self._control = self._end = None


def _is_told(file: int, patience_seconds: float) -> bool:
    """Whether something can be read, or the other end is closed."""
    poll = select.poll()  # unlike select, it takes any number for a file, as a busy server has them
    poll.register(file, select.POLLIN)
    return bool(poll.poll(1000 * patience_seconds))


def _pid(alive: int) -> int | None:
    """What the new process says first; None when there is none."""
    if not _is_told(alive, _READY_SECONDS):
        return None
    told = os.read(alive, _PIECE_BYTES)
    return int(told) if told else None


def _end(process: subprocess.Popen[bytes], control: socket.socket, folder: tempfile.TemporaryDirectory[str]) -> None:
    control.close()
    process.kill()
    process.wait()
    folder.cleanup()


def most_threads() -> int:
    """Threads of one fit: half of the cores, since a thread that waits for a busy core holds all others up."""
    return max(1, min(_MOST_THREADS, (os.cpu_count() or 1) // 2))


def _environment(folder: str) -> dict[str, str]:
    """No secret, and few threads: with more than there are free cores, a fit of one second took a minute.

    Those of linear algebra would be started when it is loaded, and a fork does not have them. What a matrix took goes
    back to the system when it is freed: left to itself, the allocator soon keeps it, as it keeps what comes and goes.
    """
    threads = {"OMP_NUM_THREADS": str(most_threads()), "OPENBLAS_NUM_THREADS": "1", "MKL_NUM_THREADS": "1"}
    memory = {"MALLOC_MMAP_THRESHOLD_": str(_MATRIX_BYTES)}
    return scrubbed_environment(TMPDIR=folder, HOME=folder, MPLCONFIGDIR=folder, MPLBACKEND="agg", **threads, **memory)
