"""The worker's end of a stream's queues: takes messages, publishes results, and does both at once."""

from __future__ import annotations

import json
from collections import deque
from contextlib import suppress
from types import TracebackType
from typing import Any

from kombu import Connection

from settings import Settings
from storage.streams import Stream
from streams.connecting import connection, declare, translated
from streams.leasing import REMEMBERED
from utils import Unavailable

MOST_AT_ONCE = 500
_PERSISTENT = 2
# For the next message, when some are there: what RabbitMQ has sent is read, and nothing is waited for.
_PATIENCE_SECONDS = 0.0005
_ROUTE = ""  # to the queue whose name is the key


class Intake:
    """Messages of one queue, in order; to be used by one thread, in a `with` block.

    What is published and acknowledged counts from `commit` on, all of it or nothing: a worker that is killed leaves no
    message that was answered and not acknowledged, or the other way round.
    """

    def __init__(self, settings: Settings, stream: Stream):
        self._stream = stream
        self._has_own_broker = bool(settings.broker_url)
        self._connection: Connection = connection(settings)
        self._waiting: deque[Any] = deque()
        self._open: Any = None

    def __enter__(self) -> Intake:
        with translated(self._connection):
            self._connection.connect()
            declare(self._connection, self._stream)
            self._open = self._connection.channel()
            if hasattr(self._open, "take_back"):
                self._open.take_back(self._stream.mark_queue)  # of the other one this is the single active consumer
            self._open.tx_select()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        # What was not acknowledged goes back to the queue when the connection ends, however it does.
        with suppress(Unavailable), translated(self._connection):
            self._connection.release()

    def begin(self) -> None:
        """Let messages come."""
        with translated(self._connection):
            self._open.basic_qos(0, 2 * MOST_AT_ONCE, False)
            self._open.basic_consume(
                self._stream.queue, no_ack=False, callback=self._waiting.append, consumer_tag=f"diyml-{self._stream.id}"
            )

    def fetch(self, seconds: float) -> list[Any]:
        """The next messages, as many as are there and not too many; none after so many seconds without."""
        with translated(self._connection):
            if self._connection.transport.implements.heartbeats:
                self._connection.heartbeat_check()
            patience = _PATIENCE_SECONDS if self._waiting else seconds
            while len(self._waiting) < MOST_AT_ONCE:
                try:
                    self._connection.drain_events(timeout=patience)
                except TimeoutError:
                    break
                patience = _PATIENCE_SECONDS if self._waiting else seconds
                if self._waiting and self._is_local:
                    break  # all there was has come at once
        return [self._waiting.popleft() for _ in range(min(MOST_AT_ONCE, len(self._waiting)))]

    def give_back(self, messages: list[Any]) -> None:
        """Have messages that were fetched last be fetched again."""
        self._waiting.extendleft(reversed(messages))

    @property
    def _is_local(self) -> bool:
        return hasattr(self._open, "take_back")

    @property
    def shares_journal(self) -> bool:
        """Whether the queues are in the database: then a commit makes all that was written before it last."""
        return self._is_local and not self._has_own_broker

    def read_mark(self) -> dict[str, Any] | None:
        """What the last commit left behind; None when there was none."""
        with translated(self._connection), self._connection.channel() as channel:
            found = channel.basic_get(self._stream.mark_queue, no_ack=False)
            if found is None:
                return None
            mark: dict[str, Any] = json.loads(found.body)
            channel.basic_reject(found.delivery_tag, requeue=True)
            return mark

    def publish(self, queue: str, body: str, message_id: str | None, headers: dict[str, Any]) -> None:
        """Put a message into a queue, with the next commit."""
        properties: dict[str, Any] = {"delivery_mode": _PERSISTENT}
        if message_id is not None:
            properties["message_id"] = message_id
            headers = {**headers, REMEMBERED: True} if self._is_local else headers
        message = self._open.prepare_message(
            body, content_type="application/json", content_encoding="utf-8", headers=headers, properties=properties
        )
        self._open.basic_publish(message, _ROUTE, queue)

    def commit(self, messages: list[Any], mark: dict[str, Any]) -> None:
        """Let what was published count, and let these messages be dealt with; they are the oldest that were fetched."""
        with translated(self._connection):
            self.publish(self._stream.mark_queue, json.dumps(mark), None, {})
            if messages:
                self._open.basic_ack(messages[-1].delivery_tag, multiple=True)
            self._open.tx_commit()
