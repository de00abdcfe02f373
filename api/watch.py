"""Asks the parts of the platform whether they answer, however many want to know and however long a part is silent."""

from __future__ import annotations

import logging
import threading
import time
from collections.abc import Callable, Mapping
from concurrent.futures import Future, wait
from typing import NamedTuple

logger = logging.getLogger(__name__)

PATIENCE_SECONDS = 2.5
FRESH_SECONDS = 1.0

Ask = Callable[[], str]


class _Heard(NamedTuple):
    problem: str
    at: float


class Watch:
    """Remembers for a second what each part said; one thread at a time asks a part, and nobody waits long for it."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._asked: dict[str, Future[_Heard]] = {}

    def problems(self, parts: Mapping[str, Ask]) -> dict[str, str]:
        """What is wrong with each part that does not answer, in words; takes `PATIENCE_SECONDS` at most.

        Args:
            parts: by name, what asks one: gives what is wrong, or nothing.
        """
        asked = {name: self._asking(name, ask) for name, ask in parts.items()}
        wait(asked.values(), PATIENCE_SECONDS)
        late = f"does not answer within {PATIENCE_SECONDS} s"
        said = {name: a.result().problem if a.done() else f"the {name} {late}" for name, a in asked.items()}
        return {name: problem for name, problem in said.items() if problem}

    def _asking(self, name: str, ask: Ask) -> Future[_Heard]:
        with self._lock:
            asked = self._asked.get(name)
            if asked is None or (asked.done() and time.monotonic() - asked.result().at > FRESH_SECONDS):
                asked = self._asked[name] = Future()
                # One that hangs must not hold up the end of the process.
                threading.Thread(target=_listen, args=(name, ask, asked), name=f"watch-{name}", daemon=True).start()
            return asked


def _listen(name: str, ask: Ask, answer: Future[_Heard]) -> None:
    try:
        problem = ask()
    except Exception:  # whatever went wrong, the part did not answer, and has to be asked again
        logger.exception("the %s cannot be asked whether it answers", name)
        problem = "cannot be asked; the reason is in the log"
    answer.set_result(_Heard(problem, time.monotonic()))
