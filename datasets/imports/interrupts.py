"""What may end an import from outside while it runs."""

from __future__ import annotations

import logging
import threading
from collections.abc import Callable
from typing import TypeVar

from utils import Unavailable

logger = logging.getLogger(__name__)

T = TypeVar("T")


class Interrupted(Exception):
    """The import must end now."""


class Cancelled(Interrupted):
    """Somebody wants it to."""


class Lost(Interrupted):
    """It is another process's, or deleted."""


class Stopped(Interrupted):
    """The process is to end."""


class Interrupts:
    """Set by others, looked at by who imports."""

    def __init__(self, stop: threading.Event | None = None) -> None:
        self.stop = stop or threading.Event()
        self.cancelled = threading.Event()
        self.lost = threading.Event()

    def look(self) -> None:
        """Go on, or raise.

        Raises:
            Interrupted: of the kind that it is.
        """
        if self.lost.is_set():
            raise Lost
        if self.cancelled.is_set():
            raise Cancelled
        if self.stop.is_set():
            raise Stopped

    def persist(self, step: Callable[[], T]) -> T:
        """Repeat a step until the database answers.

        Raises:
            Interrupted: nobody waits for it any more.
        """
        while True:
            self.look()
            try:
                return step()
            except Unavailable as error:
                logger.warning("%s", error)
                self.stop.wait(1)
