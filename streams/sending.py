"""Puts messages into the queues of streams, for whoever has no client of the broker."""

from __future__ import annotations

import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from kombu import Connection

from settings import Settings
from storage.streams import Stream
from streams.connecting import connection, declare, translated, waiting
from utils import TooManyRequests, Unavailable

_CONNECTIONS = 4
_TURN_SECONDS = 2.0
_COUNTED_SECONDS = 0.5
_RETRY_AFTER_SECONDS = 5
_PERSISTENT = 2


class Sender:
    """A few connections to the broker, made when they are needed; safe to use from many threads."""

    def __init__(self, settings: Settings):
        self._most_waiting = settings.stream_waiting
        self._pool = connection(settings, sends=True).Pool(limit=_CONNECTIONS)
        self._lock = threading.Lock()
        self._counted: dict[str, tuple[float, int]] = {}

    def send(self, stream: Stream, content: str, message_id: str) -> None:
        """Put a message into the queue of a stream; when this comes back, it is there for good.

        Raises:
            TooManyRequests: too many messages wait there already.
            Unavailable: the broker does not answer; the message may be there or not, and the same id makes it one.
        """
        if self.waiting(stream) >= self._most_waiting:
            raise TooManyRequests(
                f"{self._most_waiting:,} messages wait to be judged: send again later, or start more stream workers",
                retry_after_seconds=_RETRY_AFTER_SECONDS,
            )
        with self._connection() as broker:
            broker.Producer().publish(
                content,
                routing_key=stream.queue,
                content_type="application/json",
                content_encoding="utf-8",
                message_id=message_id,
                delivery_mode=_PERSISTENT,
            )

    def waiting(self, stream: Stream) -> int:
        """Messages that wait in the queue of a stream, as of half a second ago at most; makes its queues.

        Raises:
            Unavailable: the broker does not answer.
        """
        with self._lock:
            counted_at, count = self._counted.get(stream.queue, (float("-inf"), 0))
        if time.monotonic() - counted_at < _COUNTED_SECONDS:
            return count
        with self._connection() as broker:
            found = waiting(broker, stream.queue)
            if found is None or counted_at == float("-inf"):
                declare(broker, stream)
        with self._lock:
            self._counted[stream.queue] = (time.monotonic(), found or 0)
        return found or 0

    def declare(self, stream: Stream) -> None:
        """Make the queues of a stream.

        Raises:
            Unavailable: the broker does not answer.
        """
        with self._connection() as broker:
            declare(broker, stream)

    def close(self) -> None:
        """Close the connections; nothing can be sent afterwards."""
        self._pool.force_close_all()

    @contextmanager
    def _connection(self) -> Iterator[Connection]:
        try:
            broker: Any = self._pool.acquire(block=True, timeout=_TURN_SECONDS)
        except Exception as error:  # whatever a queue of the pool raises, all are under way
            raise Unavailable("the broker is slow: try again in a moment", retry_after_seconds=2) from error
        try:
            with translated(broker):
                yield broker
        except Unavailable:
            broker.collect()  # the next who gets it connects anew
            raise
        finally:
            broker.release()
