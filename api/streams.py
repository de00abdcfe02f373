"""How many live streams one process serves: each holds a thread, and other requests need threads too."""

from __future__ import annotations

import threading
from collections import Counter
from collections.abc import Callable, Hashable, Iterable, Iterator
from typing import TypeVar

from utils import TooManyRequests, Unavailable, plural

_MOST_PER_USER = 3
_RETRY_AFTER_SECONDS = 5

T = TypeVar("T")


class Streams:
    """Admits streams: an eighth of the threads at most, and not all of those for one user.

    Args:
        noun: what they are called.
    """

    def __init__(self, web_threads: int, noun: str = "stream"):
        self._noun = noun
        self._most = max(1, web_threads // 8)
        self._most_per_user = max(1, min(_MOST_PER_USER, self._most - 1))
        self._open: Counter[Hashable] = Counter()
        self._lock = threading.Lock()

    def admit(self, user: Hashable) -> Callable[[], None]:
        """Count a stream in; gives what counts it out again, once however often it is called.

        Raises:
            TooManyRequests: the user has as many as allowed.
            Unavailable: all users together have.
        """
        with self._lock:
            if self._open[user] >= self._most_per_user:
                number = plural(self._most_per_user, f"open {self._noun}")
                raise TooManyRequests(
                    f"you have {number}, which is the most allowed: close one",
                    retry_after_seconds=_RETRY_AFTER_SECONDS,
                )
            if self._open.total() >= self._most:
                raise Unavailable(
                    f"as many {self._noun}s are open as the server allows: try again in a moment",
                    retry_after_seconds=_RETRY_AFTER_SECONDS,
                )
            self._open[user] += 1
        return _Once(lambda: self._release(user))

    def _release(self, user: Hashable) -> None:
        with self._lock:
            self._open[user] -= 1
            self._open += Counter()  # forget users without streams


def ending(release: Callable[[], None], pieces: Iterable[T]) -> Iterator[T]:
    """The same pieces; the place in the stream is given back behind the last, or when nobody wants more."""
    try:
        yield from pieces
    finally:
        release()


class _Once:
    def __init__(self, call: Callable[[], None]):
        self._calls = [call]

    def __call__(self) -> None:
        while self._calls:
            self._calls.pop()()
