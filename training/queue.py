"""Celery as the wake-up call: a message says only that there is something to do."""

from __future__ import annotations

import logging
from collections.abc import Iterable
from urllib.parse import urlsplit, urlunsplit

from celery import Celery
from kombu import Exchange, Queue
from pymongo import MongoClient

from settings import Settings
from storage.device import DeviceChoice, DeviceKind
from training.broker import broker_url

logger = logging.getLogger(__name__)

QUEUE = "diyml"  # of jobs that may run on anything
WAKE = "diyml.wake"
_POLLING_SECONDS = 0.2
_CONNECT_SECONDS = 4
_ANSWER_SECONDS = 1
# Whoever asks for a training waits for the broker as well: one try to connect, and no second one after a pause.
_SENDS_CONNECT_SECONDS = 1
_ONE_TRY = {"max_retries": 1, "interval_start": 0}
_BOUNDED = {"read_timeout": _ANSWER_SECONDS, "write_timeout": _ANSWER_SECONDS, **_ONE_TRY}


def queue_name(choice: DeviceChoice) -> str:
    """The queue of the wake-ups for jobs that ask for such a device."""
    return QUEUE if choice is DeviceChoice.ANY else f"{QUEUE}.{choice.value}"


def queues_of(kinds: Iterable[DeviceKind]) -> list[str]:
    """The queues that a worker with devices of these kinds listens to."""
    choices = {choice for kind in kinds for choice in DeviceChoice.served_by(kind)}
    return [queue_name(choice) for choice in DeviceChoice if choice in choices]


def celery_app(settings: Settings, sends: bool = False) -> Celery:
    """A Celery application for sending or receiving wake-ups.

    Args:
        sends: whoever sends waits a few seconds for the broker and no longer; a receiver waits as long as it takes.
    """
    url = broker_url(settings)
    on_mongodb = url.startswith("mongodb")
    if sends and on_mongodb:
        url = _answering_soon(url)
    app = Celery("diyml", broker=url, set_as_current=False)
    app.conf.update(
        accept_content=["json"],
        task_serializer="json",
        task_ignore_result=True,
        task_default_queue=QUEUE,
        task_queues=[_queue(queue_name(choice), quorum=not on_mongodb) for choice in DeviceChoice],
        worker_prefetch_multiplier=1,
        worker_enable_remote_control=False,
        worker_hijack_root_logger=False,
        broker_connection_retry_on_startup=True,
        broker_connection_max_retries=None,
        broker_connection_timeout=_SENDS_CONNECT_SECONDS if sends else _CONNECT_SECONDS,
    )
    if on_mongodb:
        app.conf.broker_transport_options = {"polling_interval": _POLLING_SECONDS, **(_ONE_TRY if sends else {})}
    else:
        if url.startswith("amqps:"):
            # Without a name to compare, any certificate that anybody we trust gave to anybody would do.
            app.conf.broker_use_ssl = {"server_hostname": urlsplit(url).hostname}
        app.conf.broker_transport_options = {"confirm_publish": True, **(_BOUNDED if sends else {})}
    return app


def broker_answers(app: Celery) -> bool:
    """Whether the broker lets a sender in now; takes little longer than a sender waits to connect."""
    try:
        transport = app.connection_for_write().transport
        if transport.driver_type == "mongodb":
            _ping(str(app.conf.broker_url))  # kombu's connection to one would stay open
        else:
            transport.close_connection(transport.establish_connection())
    except Exception as error:  # transports raise errors of their own kinds
        logger.info("the broker does not answer: %s", error)
        return False
    return True


def _ping(url: str) -> None:
    client: MongoClient[dict[str, object]] = MongoClient(url, serverSelectionTimeoutMS=_SENDS_CONNECT_SECONDS * 1000)
    with client:
        client.admin.command("ping")


def _queue(name: str, quorum: bool) -> Queue:
    kind = {"queue_arguments": {"x-queue-type": "quorum"}} if quorum else {}
    return Queue(name, Exchange(QUEUE), routing_key=name, durable=True, **kind)


def _answering_soon(url: str) -> str:
    """The URL of a MongoDB with a bound for every operation: by default a client waits half a minute or for good."""
    parts = urlsplit(url)
    query = "&".join(filter(None, [parts.query, f"timeoutMS={_ANSWER_SECONDS * 1000}"]))
    return urlunsplit((parts.scheme, parts.netloc, parts.path or "/", query, ""))


def wake(app: Celery, choice: DeviceChoice = DeviceChoice.ANY) -> None:
    """Tell the workers that have such a device that a job is queued.

    The job's document is written already, and idle workers look for themselves every few seconds; so a broker that
    does not answer delays the start and loses nothing.
    """
    try:
        # RabbitMQ that is short of memory or disk takes the message and confirms it when it has room again.
        app.send_task(WAKE, queue=queue_name(choice), retry=False, confirm_timeout=_ANSWER_SECONDS)
    except Exception as error:  # transports raise errors of their own kinds; a job that is stored is not refused
        logger.warning("the broker does not answer, workers will find the job by themselves: %s", error)
