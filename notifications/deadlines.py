"""A connection that ends at a moment, whatever the other side does."""

from __future__ import annotations

import socket
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import closing, contextmanager, suppress


@contextmanager
def ended_at(deadline: float, sock: socket.socket) -> Iterator[Callable[[], bool]]:
    """Cut the connection at the deadline; gives what tells whether that happened.

    A timeout of the socket would only bound each single wait, and so never end a receiver that sends a byte now and
    then.
    """
    over = threading.Event()
    with closing(sock.dup()) as same:  # TLS takes the socket over, and this stays

        def cut() -> None:
            over.set()
            with suppress(OSError):
                same.shutdown(socket.SHUT_RDWR)

        timer = threading.Timer(max(0.0, deadline - time.monotonic()), cut)
        timer.daemon = True
        timer.start()
        try:
            yield over.is_set
        finally:
            timer.cancel()
            timer.join()
