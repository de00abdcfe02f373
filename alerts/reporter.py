"""The thread of a worker that looks for silence and tells of incidents, beside everything else it does."""

from __future__ import annotations

import logging
import threading

from alerts.telling import AlertTeller
from alerts.watching import Watcher
from settings import Settings
from storage.store import Store
from utils import Unavailable

logger = logging.getLogger(__name__)

LOOK_SECONDS = 1.0


class Reporter:
    """Works until it is stopped. Any number of workers may do it at once.

    It is a thread of its own: what draws a picture must not keep messages of other kinds waiting.
    """

    def __init__(
        self, watcher: Watcher, teller: AlertTeller, stop: threading.Event, look_seconds: float = LOOK_SECONDS
    ):
        self._steps = (watcher.tick, teller.tell_all, teller.draw_some)
        self._stop = stop
        self._look_seconds = look_seconds
        self.thread = threading.Thread(target=self._run, name="reporter", daemon=True)

    def _run(self) -> None:
        while not self._stop.wait(self._look_seconds):
            for step in self._steps:
                try:
                    step()
                except Unavailable as error:
                    logger.warning("%s", error)
                except Exception:  # one odd record must not end all telling
                    logger.exception("looking after alerts failed, trying again")


def reporter(store: Store, settings: Settings, stop: threading.Event) -> Reporter:
    """One as a worker has it."""
    return Reporter(Watcher(store, settings), AlertTeller(store, settings), stop)
