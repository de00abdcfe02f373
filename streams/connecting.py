"""Connections to the broker that streams use, and the queues they make there."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any
from urllib.parse import urlsplit

from amqp.exceptions import NotFound as NoSuchQueue
from kombu import Connection
from kombu.exceptions import ConnectionLimitExceeded, KombuError
from pymongo.errors import PyMongoError

from settings import Settings
from storage.streams import Stream
from training.broker import broker_url
from utils import Unavailable

MOST_RESULTS, MOST_DEAD = 100_000, 10_000
_HEARTBEAT_SECONDS = 10
_CONNECT_SECONDS = 4
_ANSWER_SECONDS = 10


def connection(settings: Settings, sends: bool = False) -> Connection:
    """A connection that is not opened yet.

    Args:
        sends: what is published is confirmed one by one; else in transactions.
    """
    url = broker_url(settings)
    if url.startswith("mongodb"):
        return Connection(url, transport="streams.leasing:Transport")
    options: dict[str, Any] = {"write_timeout": _ANSWER_SECONDS, "read_timeout": _ANSWER_SECONDS}
    if sends:
        options |= {"confirm_publish": True, "max_retries": 1, "interval_start": 0}
    # Without a name to compare, any certificate that anybody we trust gave to anybody would do.
    secure = {"ssl": {"server_hostname": urlsplit(url).hostname}} if url.startswith("amqps:") else {}
    return Connection(
        url, transport_options=options, connect_timeout=_CONNECT_SECONDS, heartbeat=_HEARTBEAT_SECONDS, **secure
    )


@contextmanager
def translated(of: Connection) -> Iterator[None]:
    """A broker that does not answer, or refuses something, leaves the block as `Unavailable`."""
    try:
        yield
    except (
        *of.connection_errors, *of.channel_errors, KombuError, ConnectionLimitExceeded, PyMongoError, OSError
    ) as error:  # fmt: skip
        said = str(error).split("\n", 1)[0][:200]
        said = said or type(error).__name__
        raise Unavailable(f"the broker does not answer: {said}", retry_after_seconds=2) from error


def arguments_of(stream: Stream) -> dict[str, dict[str, Any]]:
    """The queues of a stream, each with its arguments.

    RabbitMQ gives the rows of a queue to one consumer only, so those that come later never overtake others, whatever
    becomes of a worker. Queues that nobody may read are bounded; the oldest messages go.
    """
    quorum = {"x-queue-type": "quorum"}
    queues = {
        stream.queue: {**quorum, "x-single-active-consumer": True},
        stream.dead_queue: {**quorum, "x-max-length": MOST_DEAD},
        stream.mark_queue: {**quorum, "x-max-length": 1},
    }
    if stream.results_queue:
        queues[stream.results_queue] = {**quorum, "x-max-length": MOST_RESULTS}
    return queues


def declare(of: Connection, stream: Stream) -> None:
    """Make the queues of a stream that are not there; one that is there stays as it is."""
    for name, arguments in arguments_of(stream).items():
        try:
            with of.channel() as channel:
                channel.queue_declare(name, passive=True)
        except NoSuchQueue:
            pass
        else:
            if of.transport.driver_type == "amqp":
                continue  # elsewhere what was declared is remembered by the connection alone
        with of.channel() as channel:
            channel.queue_declare(name, durable=True, auto_delete=False, arguments=arguments)


def delete_queues(of: Connection, stream: Stream) -> None:
    """Delete all queues of a stream, with what is in them."""
    with translated(of):
        for name in stream.own_queues:
            with of.channel() as channel:
                channel.queue_delete(name)


def waiting(of: Connection, queue: str) -> int | None:
    """Messages that wait in a queue; None when there is no such queue."""
    try:
        with of.channel() as channel:
            return int(channel.queue_declare(queue, passive=True).message_count)
    except NoSuchQueue:
        return None
