"""Receives wake-ups through Celery, for as long as the worker lives and whatever the broker does."""

from __future__ import annotations

import logging
import threading
import time
from collections.abc import Callable

from celery import Celery
from celery.worker.consumer import Consumer

from training.queue import WAKE

logger = logging.getLogger(__name__)

_AGAIN_SECONDS = 10.0
_RECONNECT_SECONDS = 1.0


class WakeConsumer(Consumer):
    """Celery's consumer without the 28 queues that it makes beside a quorum queue: no wake-up is ever delayed."""

    class Blueprint(Consumer.Blueprint):
        """Its steps."""

        default_steps = tuple(step for step in Consumer.Blueprint.default_steps if "delayed_delivery" not in step)

    def on_connection_error_before_connected(self, exc: Exception) -> None:
        """As Celery's, and a pause: a broker that lets us in and then refuses us would fill the log."""
        super().on_connection_error_before_connected(exc)
        time.sleep(_RECONNECT_SECONDS)  # nothing else happens in this thread


class Receiver:
    """A thread that turns messages into calls.

    It is a daemon, because Celery closes its connection by asking the broker, and a broker that does not answer must
    not keep a worker from ending. No message is held meanwhile: what was not acknowledged goes to another worker.

    Args:
        queues: names of those to listen to.
        call: what a message means; it must come back at once, since the message is acknowledged before.
    """

    def __init__(self, app: Celery, queues: list[str], call: Callable[[], None], log_level: str):
        self._app = app
        self._queues = queues
        self._log_level = log_level
        # No call of ours is ever under way when a connection is lost, so there is nothing to cancel.
        app.conf.update(worker_consumer=WakeConsumer, worker_cancel_long_running_tasks_on_connection_loss=True)
        app.task(call, name=WAKE)
        self.thread = threading.Thread(target=self._run, name="receiver", daemon=True)

    def _run(self) -> None:
        while True:
            try:
                self._receive()
            # Celery gives up on a broker that refuses us, and says so; that is no reason to end a training.
            except (Exception, SystemExit) as error:
                logger.warning("the broker cannot be used: %s", error)
            logger.warning("no wake-ups from the broker, trying again in %g s; jobs are found without", _AGAIN_SECONDS)
            time.sleep(_AGAIN_SECONDS)  # nobody waits for this thread

    def _receive(self) -> None:
        self._app.Worker(
            queues=self._queues,
            pool_cls="solo",
            concurrency=1,
            loglevel=self._log_level,
            without_gossip=True,
            without_mingle=True,
            without_heartbeat=True,
            redirect_stdouts=False,
            quiet=True,
        ).start()
