"""Sends what is due: claims a lane, takes one delivery of it, sends it in a thread, and notes what came of it."""

from __future__ import annotations

import logging
import random
import threading
import time
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Protocol

from notifications.outcomes import LONGEST_PAUSE_SECONDS, WAITS, Outcome, Result
from storage.deliveries import Deliveries, Delivery, DeliveryState
from storage.lanes import Lane, Lanes
from utils import Unavailable

logger = logging.getLogger(__name__)

_AGAIN_SECONDS = 1.0
_JITTER = 0.2


class Sender(Protocol):
    """One way to send."""

    def send(self, lane: Lane, delivery: Delivery) -> Outcome:
        """One try, within the time of a lease."""


@dataclass(frozen=True)
class Bounds:
    """How much is sent at a time.

    Attributes:
        threads: tries at a time; at most half of them go to receivers that were not there the last time, so that
            those which answer always find a thread.
        per_owner: tries at a time for the receivers of one user.
        lease_seconds: after this a lane is taken from a sender that is gone; longer than any try takes.
        waits: seconds before each further try of a message.
    """

    threads: int = 16
    per_owner: int = 2
    lease_seconds: float = 60.0
    waits: Sequence[float] = WAITS


class Dispatcher:
    """The lanes of one kind. Any number of processes may have one: each lane is served by one at a time."""

    def __init__(
        self,
        lanes: Lanes,
        deliveries: Deliveries,
        sender: Sender,
        stop: threading.Event,
        bounds: Bounds = Bounds(),
    ):
        self._lanes = lanes
        self._deliveries = deliveries
        self._sender = sender
        self._stop = stop
        self._bounds = bounds
        self._busy: list[Lane] = []
        self._changed = threading.Condition()

    def start_what_is_due(self) -> None:
        """Begin as many tries as there are threads for; each thread goes on as long as it finds something."""
        while lane := self._claim():
            threading.Thread(target=self._serve, args=(lane,), name="send", daemon=True).start()

    def wait_until_idle(self, seconds: float) -> bool:
        """Wait for tries that are under way; whether all have ended."""
        with self._changed:
            return self._changed.wait_for(lambda: not self._busy, seconds)

    def _claim(self) -> Lane | None:
        """A lane within the bounds; the lock keeps threads that claim at once from passing them together."""
        with self._changed:
            if self._stop.is_set() or len(self._busy) >= self._bounds.threads:
                return None
            owners = Counter(lane.owner_id for lane in self._busy)
            full = [owner for owner, count in owners.items() if count >= self._bounds.per_owner]
            failing = sum(lane.failures > 0 for lane in self._busy)
            lane = self._lanes.claim(self._bounds.lease_seconds, full, failing >= self._bounds.threads // 2)
            if lane:
                self._busy.append(lane)
            return lane

    def _serve(self, first: Lane) -> None:
        lane: Lane | None = first
        try:
            while lane:
                lane = self._next(lane)
        except Unavailable as error:
            logger.warning("%s", error)

    def _next(self, lane: Lane) -> Lane | None:
        try:
            self._send_one(lane)
        except Unavailable as error:
            logger.warning("%s", error)
        except Exception:  # its lane comes back when the lease is over
            logger.exception("lane %s: could not be served", lane.id)
        finally:
            with self._changed:
                self._busy.remove(lane)
                self._changed.notify_all()
        return self._claim()

    def _send_one(self, lane: Lane) -> None:
        over = time.monotonic() + self._bounds.lease_seconds
        delivery = self._deliveries.take(lane)
        if delivery is None:
            self._lanes.release(lane, self._deliveries.next_due(lane.id), lane.failures)
            return
        try:
            outcome = self._sender.send(lane, delivery)
        except Unavailable:
            raise
        except Exception:  # whatever it is, this message must not be tried without end
            logger.exception("delivery %s: could not be sent", delivery.id)
            outcome = Outcome(Result.REFUSED, "it could not be sent, for a reason of ours that was logged")
        logger.info("delivery %s, try %d: %s", delivery.id, delivery.tries, outcome.result.value)
        while True:
            try:
                self._note(lane, delivery, outcome)
                return
            except Unavailable:
                # What was sent is sent again if nobody can be told that it was, so the lease is used up for that.
                if time.monotonic() > over or self._stop.is_set():
                    raise
                self._stop.wait(_AGAIN_SECONDS)

    def _note(self, lane: Lane, delivery: Delivery, outcome: Outcome) -> None:
        absent = outcome.result is Result.ABSENT
        failures = lane.failures + 1 if absent else 0
        pause = max(min(self._wait(failures), LONGEST_PAUSE_SECONDS), outcome.retry_after_seconds) if absent else 0
        if lane.failures and not absent:
            self._deliveries.due_now(lane.id)  # the receiver is there again: no need to wait out what its absence cost
        if outcome.result is Result.DELIVERED:
            self._deliveries.end(lane, delivery, DeliveryState.DELIVERED, outcome.words)
        elif outcome.result in (Result.NEVER, Result.GONE) or delivery.tries > len(self._bounds.waits):
            self._deliveries.end(lane, delivery, DeliveryState.FAILED, outcome.words)
        else:
            wait = max(self._wait(delivery.tries), outcome.retry_after_seconds)
            self._deliveries.postpone(lane, delivery, wait, outcome.words)
        if outcome.result is Result.GONE:
            self._deliveries.give_up_all(lane.id, outcome.words)
        self._lanes.release(lane, self._deliveries.next_due(lane.id), failures, pause)

    def _wait(self, tries: int) -> float:
        waits = self._bounds.waits
        return waits[min(tries, len(waits)) - 1] * random.uniform(1 - _JITTER, 1 + _JITTER)  # noqa: S311  # no secret
