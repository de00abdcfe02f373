"""Says that a worker is there, and what with."""

from __future__ import annotations

import logging
import threading
from collections.abc import Sequence
from contextlib import suppress

from storage.device import Device
from storage.store import Store
from storage.workers import BEAT_SECONDS, Announcement
from training.worker.identity import Identity
from utils import VERSION, Unavailable

logger = logging.getLogger(__name__)


class Presence:
    """A thread that announces the worker until it is stopped, then takes its leave.

    Housekeeping would be the place for it, but one sweep over much data takes longer than a worker may be silent.
    """

    def __init__(self, store: Store, devices: Sequence[Device], stop: threading.Event):
        self._store = store
        self._stop = stop
        self._me = Identity.of_this_process()
        self._announcement = Announcement(str(self._me), self._me.host, self._me.pid, VERSION, tuple(devices))
        self.thread = threading.Thread(target=self._run, name="presence", daemon=True)

    def _run(self) -> None:
        while not self._stop.is_set():
            try:
                self._store.workers.announce(self._announcement)
                self._forget_the_dead()
            except Unavailable as error:
                logger.warning("%s", error)
            except Exception:  # a worker that fell silent here would go on training with everybody told that it is gone
                logger.exception("the worker could not be announced, trying again")
            self._stop.wait(BEAT_SECONDS)
        with suppress(Unavailable):  # then the others see it fall silent
            self._store.workers.forget(self._announcement.id)

    def _forget_the_dead(self) -> None:
        """Workers of this machine whose process was killed could not take their leave."""
        for worker_id in self._store.workers.ids():
            if self._me.knows_gone(worker_id):
                self._store.workers.forget(worker_id)
