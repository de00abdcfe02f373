"""A training process and all that came of it, wherever it went."""

from __future__ import annotations

import logging
import os
import time
from collections.abc import Iterable, Iterator
from contextlib import suppress

import psutil

logger = logging.getLogger(__name__)

MARK = "DIYML_TRAINING"
_KILL_SECONDS = 5.0
_ROUND_SECONDS = 0.2


class ProcessTree:
    """The descendants of one process, remembered, so that who left its group or lost its parent is still known.

    Processes are told apart by id and time of their start: an id that was given anew is somebody else.

    Args:
        pid: of the root, which is alive.
        mark: what the root's environment holds as `MARK`; its descendants inherit it.
    """

    def __init__(self, pid: int, mark: str):
        self._mark = mark
        self._root = psutil.Process(pid)
        self._known: dict[psutil.Process, None] = {self._root: None}

    def look(self) -> list[psutil.Process]:
        """All that live now, the root among them."""
        found: dict[psutil.Process, None] = {}
        for process in self._known:
            if process not in found and is_alive(process):
                found[process] = None
                with suppress(psutil.Error):
                    found.update(dict.fromkeys(process.children(recursive=True)))
        self._known = found
        return [process for process in found if is_alive(process)]

    def kill_rest(self) -> None:
        """End all but the root, whose end is its parent's to await."""
        kill_all(self._mark, [process for process in self._known if process != self._root])

    def kill(self) -> None:
        """End all, the root among them: for whoever is not its parent."""
        kill_all(self._mark, self._known)


def is_alive(process: psutil.Process) -> bool:
    """Whether it is still the process it was and has not ended."""
    with suppress(psutil.Error):
        return process.is_running() and process.status() != psutil.STATUS_ZOMBIE
    return False


def kill_all(mark: str, known: Iterable[psutil.Process] = ()) -> None:
    """End the known processes and whatever bears the mark, and wait until they are gone."""
    deadline = time.monotonic() + _KILL_SECONDS
    while living := [process for process in {*known, *_marked(mark)} if is_alive(process)]:
        if time.monotonic() > deadline:
            logger.error("processes that cannot be killed: %s", living)
            return
        for process in living:
            with suppress(psutil.Error):
                process.kill()
        # What was killed may have started others just before, so there is another round.
        psutil.wait_procs(living, _ROUND_SECONDS)


def _marked(mark: str) -> Iterator[psutil.Process]:
    for process in psutil.process_iter(["environ"]):
        # There is none to see of a process that has just ended, and of another user's, which is none of ours.
        if process.pid != os.getpid() and (process.info["environ"] or {}).get(MARK) == mark:
            yield process
