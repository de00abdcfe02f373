"""One model as two sessions: with all cores for a run while there is one run, with one core each while there are many.

Spread over the cores a run ends sooner, yet every core spends part of its time on the spreading. Measured on two cores
with a small detector at 640 x 640 px: a lone run takes 20 ms with two threads and 30 ms with one; two callers at once
get 54 images a second with two threads a run and 64 with one. A session has the threads it was made with, so it takes
two.
"""

from __future__ import annotations

import threading
from collections.abc import Callable
from typing import Any

from inference.sessions import Session

_ONE = 1
_OFTEN = 8


class ElasticSession:
    """Safe to call from many threads.

    Args:
        cores: threads of a run that has the machine to itself.
        busy: how many images are being worked on or wait.
        make: opens the model with so many threads.
        later: has a session made that is missed often, away from the callers.
    """

    def __init__(
        self,
        cores: int,
        busy: Callable[[], int],
        make: Callable[[int], Session],
        later: Callable[[Callable[[], None]], None],
    ):
        self._cores = cores
        self._busy = busy
        self._make = make
        self._later = later
        self._lock = threading.Lock()
        self._missed = 0
        threads = self._wanted()
        self._first = make(threads)
        self._sessions = {threads: self._first}

    @property
    def count(self) -> int:
        """Sessions there are: one or two."""
        return len(self._sessions)

    def run(self, output_names: list[str], inputs: dict[str, Any]) -> list[Any]:
        """Run the model in the session that suits how busy the machine is, or in the one that there is."""
        threads = self._wanted()
        session = self._sessions.get(threads)
        if session is None:
            self._miss(threads)
            session = self._first
        return session.run(output_names, inputs)

    def _wanted(self) -> int:
        return _ONE if self._busy() >= self._cores else self._cores

    def _miss(self, threads: int) -> None:
        with self._lock:
            self._missed += 1
            ordered = self._missed == _OFTEN
        if ordered:
            self._later(lambda: self._sessions.update({threads: self._make(threads)}))
