"""Where tasks are done: here and now, or in a process of their own with limits on time, memory and number."""

from __future__ import annotations

import json
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Protocol

import psutil

from moodle.forking import Forked, ForkServer
from moodle.tasks import ANSWER, TASK, perform
from settings import Settings
from training.process_tree import ProcessTree
from training.worker.memory import available_bytes, used_bytes
from utils import Conflict, DomainError, InvalidInput, Unavailable, without_folders

_LOOK_SECONDS = 0.2
_TAIL_CHARACTERS = 300
_OUTPUT = "output.log"
GivenUp = Callable[[], bool]
_REFUSALS = {error.code: error for error in (InvalidInput, Conflict)}


def never() -> bool:
    """For what is done even if nobody waits for the answer."""
    return False


class Workers(Protocol):
    """Does tasks; see `moodle.tasks`."""

    def get_ready(self) -> None:
        """Begin to load what tasks need, ahead of one; cheap when that is loaded."""
        ...

    def do(self, task: dict[str, Any], folder: Path, given_up: GivenUp = never) -> dict[str, Any]:
        """Do a task in a folder that has its files; gives the answer, and leaves what was made in the folder.

        Args:
            given_up: whether nobody waits for it any more, so that it need not be done.

        Raises:
            DomainError: the data does not allow it, or it took too much.
        """
        ...


class HereAndNow:
    """For a process that is there for one task."""

    def get_ready(self) -> None:
        """See `Workers.get_ready`; the task comes at once."""

    def do(self, task: dict[str, Any], folder: Path, given_up: GivenUp = never) -> dict[str, Any]:
        """See `Workers.do`; whoever gives up ends this process."""
        (folder / TASK).write_text(json.dumps(task))
        perform(folder)
        return _answer(folder)


@dataclass(frozen=True)
class _Limits:
    seconds: float
    memory_bytes: int


class Processes:
    """A process for each task, some at a time; further ones wait for their turn, in bounds too.

    All are forked from one that has loaded what they need; see `moodle.fork_server`.
    """

    def __init__(self, settings: Settings):
        self._limits = _Limits(settings.moodle_seconds, settings.moodle_memory_bytes or available_bytes() // 2)
        self._free = threading.Semaphore(settings.moodle_processes)
        self._places = threading.Semaphore(settings.moodle_processes + settings.moodle_waiting)
        self._waiting_seconds = settings.moodle_seconds
        self._stays = settings.moodle_idle_seconds > 0
        self._server = ForkServer(settings)

    def get_ready(self) -> None:
        """See `Workers.get_ready`."""
        if self._stays:
            self._server.start()

    def close(self) -> None:
        """End what waits for tasks."""
        self._server.close()

    def do(self, task: dict[str, Any], folder: Path, given_up: GivenUp = never) -> dict[str, Any]:
        """See `Workers.do`."""
        (folder / TASK).write_text(json.dumps(task))
        with self._turn():
            self._run(folder, given_up)
        return _answer(folder)

    @contextmanager
    def _turn(self) -> Iterator[None]:
        if not self._places.acquire(blocking=False):
            raise Unavailable("too many trainings and evaluations are waiting: try again later", retry_after_seconds=30)
        try:
            if not self._free.acquire(timeout=self._waiting_seconds):
                raise Unavailable("other trainings and evaluations take long: try again later", retry_after_seconds=30)
            try:
                yield
            finally:
                self._free.release()
        finally:
            self._places.release()

    def _run(self, folder: Path, given_up: GivenUp) -> None:
        with (folder / _OUTPUT).open("wb") as output:
            forked = self._server.fork(folder, output.fileno())
        try:
            with suppress(psutil.NoSuchProcess):  # it has ended already
                self._watch(forked, ProcessTree(forked.pid, str(folder)), given_up)
        finally:
            forked.close()

    def _watch(self, forked: Forked, tree: ProcessTree, given_up: GivenUp) -> None:
        try:
            self._wait(forked, tree, given_up)
        finally:
            tree.kill()

    def _wait(self, forked: Forked, tree: ProcessTree, given_up: GivenUp) -> None:
        ends = time.monotonic() + self._limits.seconds
        while not forked.has_ended(_LOOK_SECONDS):
            if given_up():
                raise Conflict("nobody waits for this any more: it was ended")
            if time.monotonic() > ends:
                raise InvalidInput(
                    f"it took longer than the {self._limits.seconds:g} s that are allowed: send fewer rows or rounds, "
                    "or ask the operator to raise DIYML_MOODLE_SECONDS"
                )
            if used_bytes(tree.look(), self._limits.memory_bytes) > self._limits.memory_bytes:
                raise InvalidInput(
                    f"it needed more than the {self._limits.memory_bytes:,} bytes of memory that are allowed: send "
                    "fewer rows, or ask the operator to raise DIYML_MOODLE_MEMORY_BYTES"
                )


def _answer(folder: Path) -> dict[str, Any]:
    path = folder / ANSWER
    if not path.exists():
        output = folder / _OUTPUT
        text = output.read_text(errors="replace") if output.exists() else ""
        last = without_folders(text).strip().rsplit("\n", 1)[-1][-_TAIL_CHARACTERS:]
        raise Unavailable(f"the work ended unexpectedly: {last or 'its process was killed'}", retry_after_seconds=30)
    answer: dict[str, Any] = json.loads(path.read_text())
    if "refused" in answer:
        raise _REFUSALS.get(answer["refused"], DomainError)(answer["detail"])
    return answer
