"""Who may predict now: a bounded number of images wait, and few of them run at a time."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from contextlib import AbstractContextManager, contextmanager

from inference.metrics import ADMITTED_IMAGES, REFUSED
from utils import Unavailable, plural


class Gate:
    """Safe between threads.

    Args:
        running: images that may be in a model at a time.
        waiting: further images that may wait for that.
    """

    def __init__(self, running: int, waiting: int):
        self._most = running + waiting
        self._admitted = 0
        self._lock = threading.Lock()
        self._running = threading.BoundedSemaphore(running)

    @contextmanager
    def admit(self, images: int) -> Iterator[None]:
        """Let a request in with so many images, or refuse it at once.

        A request that is larger than all places together is let in while nobody else waits.

        Raises:
            Unavailable: too many wait already.
        """
        with self._lock:
            if self._admitted and self._admitted + images > self._most:
                REFUSED.inc()
                raise Unavailable(
                    f"too many inferences are waiting ({plural(self._admitted, 'image')}): try again in a moment",
                    retry_after_seconds=1,
                )
            self._admitted += images
        ADMITTED_IMAGES.inc(images)
        try:
            yield
        finally:
            ADMITTED_IMAGES.dec(images)
            with self._lock:
                self._admitted -= images

    def run(self) -> AbstractContextManager[object]:
        """Wait for one's turn to use a model; hold it while the block runs.

        Each image of a request waits anew, so that a large request does not keep small ones out.
        """
        return self._running
