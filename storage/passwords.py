"""Hashing passwords, which takes a core for a fifth of a second each: in few threads, behind everything else.

The threads take only what nobody else wants of the cores, so that predictions beside them take little longer than
alone; where that is next to nothing, others take over that get a share. bcrypt lets other threads run while it hashes.
Whoever wants to hash needs a place first, of which there are few: one that waits for its turn holds a thread of the web
server.
"""

from __future__ import annotations

import contextlib
import os
import random
import sys
import threading
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from concurrent.futures import TimeoutError as TookTooLong  # not the built-in one before Python 3.11
from typing import TypeVar

import bcrypt

from settings import Settings
from utils import Unavailable

MOST_BYTES = 72
_MOST_PLACES = 32
# Measured on two cores with a lone caller of a detector, of whose runs two threads wait for each other: beside threads
# that hash without a pause at niceness 12 (models run at 5) p95 was 2.3 times as long, presumably since whatever runs
# keeps its core for a few milliseconds; beside threads of the policy for idle machines, 1.2 times. But beside cores
# that are never idle a login then took 2 to 8 seconds, and at niceness 12 one or two.
_NICENESS = 12
_PATIENCE_SECONDS, _AT_ROUNDS = 3.0, 12
_CROWDED_SECONDS = 10.0
_RETRY_AFTER_SECONDS = (4, 12)  # differs, so that a crowd that was sent away does not come back as one
_SALT_CHARACTERS, _DIGEST_CHARACTERS = 22, 31

T = TypeVar("T")


class _Hasher:
    """Runs hashes, a few at a time.

    Args:
        most: at a time.
        rounds: cost of a hash, as a power of two.
    """

    def __init__(self, most: int, rounds: int):
        self._patience_seconds = _PATIENCE_SECONDS * 2.0 ** max(0, rounds - _AT_ROUNDS)
        self._turns = threading.BoundedSemaphore(most)
        self._patient = ThreadPoolExecutor(most, "passwords-idle", _step_aside)
        self._hurried = ThreadPoolExecutor(most, "passwords", _step_back)
        self._crowded_until = float("-inf")

    def run(self, work: Callable[[], T]) -> T:
        """Do it in what the machine has left over, or, when that takes long, once more with a share of the cores."""
        with self._turns:
            if time.monotonic() >= self._crowded_until:
                with contextlib.suppress(TookTooLong):
                    return self._patient.submit(work).result(self._patience_seconds)
                self._crowded_until = time.monotonic() + _CROWDED_SECONDS
            return self._hurried.submit(work).result()


class Place:
    """The right to hash, while it is held."""

    def __init__(self, hasher: _Hasher, rounds: int):
        self._hasher = hasher
        self._rounds = rounds

    def hash(self, password: bytes) -> bytes:
        """The hash to store of a password of 8 to 72 bytes."""
        return self._hasher.run(lambda: bcrypt.hashpw(password, bcrypt.gensalt(self._rounds)))

    def matches(self, password: bytes, stored: bytes | None) -> bool:
        """Whether it is the password of this hash; it takes as long when there is none, and then it is not."""
        # bcrypt takes no longer one. Its beginning costs the same time and must not count as the password.
        beginning, against = password[:MOST_BYTES], stored or _nobodys_hash(self._rounds)
        same = self._hasher.run(lambda: bcrypt.checkpw(beginning, against))
        return same and stored is not None and len(password) <= MOST_BYTES


class Passwords:
    """Threads that hash, and the places of those who wait for one. Safe to call from many threads.

    Half of the cores hash at most, divided among the web processes; half of a process's web threads hold a place at
    most.
    """

    def __init__(self, settings: Settings):
        self._hasher = _Hasher(max(1, _cores() // 2 // settings.web_workers), settings.bcrypt_rounds)
        self._free = threading.BoundedSemaphore(max(1, min(_MOST_PLACES, settings.web_threads // 2)))
        self._rounds = settings.bcrypt_rounds

    @contextlib.contextmanager
    def place(self) -> Iterator[Place]:
        """A place while the block runs.

        Raises:
            Unavailable: all are taken; said at once.
        """
        if not self._free.acquire(blocking=False):
            raise Unavailable(
                "too many people log in or sign up at this moment: try again in a few seconds",
                retry_after_seconds=random.randint(*_RETRY_AFTER_SECONDS),  # noqa: S311 - nobody gains by guessing it
            )
        try:
            yield Place(self._hasher, self._rounds)
        finally:
            self._free.release()


def _nobodys_hash(rounds: int) -> bytes:
    """A hash that no known password has, so that an unknown name costs the same time as a wrong password."""
    return b"$2b$%02d$%s%s" % (rounds, b"." * _SALT_CHARACTERS, b"." * _DIGEST_CHARACTERS)


def _cores() -> int:
    """Cores that this process may use."""
    return len(os.sched_getaffinity(0)) if sys.platform == "linux" else os.cpu_count() or 1


def _step_back() -> None:
    """Let every other thread of the machine go first; elsewhere than on Linux a priority is that of a whole process."""
    if sys.platform == "linux":
        with contextlib.suppress(OSError):  # one that has stepped back further already may not come forward
            os.setpriority(os.PRIO_PROCESS, threading.get_native_id(), _NICENESS)


def _step_aside() -> None:
    """Run only while no other thread wants the core."""
    if sys.platform == "linux":
        _step_back()
        with contextlib.suppress(OSError):  # where a container forbids it, the priority has to do
            os.sched_setscheduler(0, os.SCHED_IDLE, os.sched_param(0))
