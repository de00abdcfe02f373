"""Hashing passwords, which takes a core for a fifth of a second each: in few threads, behind everything else.

The threads have a lower priority, so that predictions beside them take little longer than alone. bcrypt lets other
threads run while it hashes. Whoever wants to hash needs a place first, of which there are few: one that waits for its
turn holds a thread of the web server.
"""

from __future__ import annotations

import contextlib
import os
import random
import sys
import threading
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from typing import TypeVar

import bcrypt

from settings import Settings
from utils import Unavailable

MOST_BYTES = 72
_MOST_PLACES = 32
# Measured on two cores with two threads hashing without a pause: a run of a model on both cores took 2.1 times as long
# when they had the same priority, 1.3 times 5 below it, 1.2 times 10 below it and as long as ever 15 below it, where a
# login beside busy cores took ten seconds and more. Models run at 5.
_NICENESS = 12
_RETRY_AFTER_SECONDS = (4, 12)  # differs, so that a crowd that was sent away does not come back as one
_SALT_CHARACTERS, _DIGEST_CHARACTERS = 22, 31

T = TypeVar("T")


class Place:
    """The right to hash, while it is held."""

    def __init__(self, pool: ThreadPoolExecutor, rounds: int):
        self._pool = pool
        self._rounds = rounds

    def hash(self, password: bytes) -> bytes:
        """The hash to store of a password of 8 to 72 bytes."""
        return self._run(lambda: bcrypt.hashpw(password, bcrypt.gensalt(self._rounds)))

    def matches(self, password: bytes, stored: bytes | None) -> bool:
        """Whether it is the password of this hash; it takes as long when there is none, and then it is not."""
        # bcrypt takes no longer one. Its beginning costs the same time and must not count as the password.
        beginning, against = password[:MOST_BYTES], stored or _nobodys_hash(self._rounds)
        same = self._run(lambda: bcrypt.checkpw(beginning, against))
        return same and stored is not None and len(password) <= MOST_BYTES

    def _run(self, work: Callable[[], T]) -> T:
        return self._pool.submit(work).result()


class Passwords:
    """Threads that hash, and the places of those who wait for one. Safe to call from many threads.

    Half of the cores hash at most, divided among the web processes; half of a process's web threads hold a place at
    most.
    """

    def __init__(self, settings: Settings):
        self._pool = ThreadPoolExecutor(max(1, _cores() // 2 // settings.web_workers), "passwords", _step_back)
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
            yield Place(self._pool, self._rounds)
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
