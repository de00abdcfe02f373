"""Takes messages, judges them, writes down what came of them, publishes it, and tells the alerts."""

from __future__ import annotations

import logging
import time
from typing import Any

from alerts.watching import Watcher
from storage.store import Store
from storage.stream_batches import Batch
from storage.streams import Stream
from streams.answers import Answer, collected, judged, refused, rows_by_key
from streams.collecting import Collecting
from streams.intake import Intake
from streams.judging import Judging, Outcome
from streams.line import Line
from streams.merging import Merging
from streams.messages import Message, read
from streams.models import Serving
from utils import Unavailable

logger = logging.getLogger(__name__)

_FETCH_SECONDS = 0.25
_COLLECT_SECONDS = 1.0
_PRUNE_SECONDS = 10.0


class Run:
    """From one connection to the broker to the next: what is in memory is as the database has it."""

    def __init__(self, store: Store, stream: Stream, intake: Intake, watcher: Watcher):
        self._store = store
        self._stream = stream
        self._intake = intake
        self._watcher = watcher
        self._merging = Merging(store, stream)
        self.line = Line(store, stream, intake.read_mark())
        self._judging = Judging(store, stream, self._merging)
        self.collecting = Collecting(store, stream)
        self._collect_at = self._prune_at = 0.0
        if last := self.line.last:  # whoever wrote it may have been ended before telling of it
            self._keep_letters(last, [Answer.of(line) for line in last.answers])
            watcher.observe_all(stream.project_id, rows_by_key(last.answers))

    def step(self, serving: Serving | None) -> None:
        """Take what has come, and see it through."""
        deliveries = self._intake.fetch(_FETCH_SECONDS)
        if deliveries:
            self._take(deliveries, serving)
        self._merging.step(self.line.number)
        now = time.monotonic()
        if now >= self._collect_at:
            self.collecting.hand_over()
            self._collect_at = now + _COLLECT_SECONDS
        if now >= self._prune_at:
            self._prune()
            self._prune_at = now + _PRUNE_SECONDS

    def close(self) -> None:
        """What may be done later is done now, if it can be; whoever follows next does it otherwise.

        Only after steps that came to their end: what was written down last a database that is killed may have
        forgotten, and nothing may be kept that follows from it.
        """
        try:
            self._merging.finish(self.line.number)
        except Unavailable as error:
            logger.info("stream %s: %s", self._stream.id, error.detail)

    def _take(self, deliveries: list[Any], serving: Serving | None) -> None:
        messages = [read(delivery, self._stream.id_field) for delivery in deliveries]
        cut = self._judging.cut(messages, serving)
        self._intake.give_back(deliveries[cut:])
        ready, fresh = self._sorted(messages[:cut])
        outcome = None
        if fresh:
            outcome, found = self._judged(fresh, serving)
            batch = self._batch(fresh, outcome, found)
            self._store.stream_batches.append(batch, waits=not self._intake.shares_journal)
            self.line.accept(batch)
            self._judging.accept(outcome)
            self._merging.add(batch.states)
            self._keep_letters(batch, found)
            ready += found
        elif self.line.duplicates:
            self._store.stream_batches.recount(self._stream.id, self.line.number, self.line.count_duplicates())
        for answer in ready:
            self._publish(answer)
        self._intake.commit(deliveries[:cut], self.line.mark())
        if outcome:
            self._watcher.observe_all(self._stream.project_id, outcome.by_key())

    def _sorted(self, messages: list[Message]) -> tuple[list[Answer], list[Message]]:
        """Answers that are there already, and messages that are new; the others are duplicates."""
        ready, fresh, seen = [], [], set()
        for message in messages:
            if (answer := self.line.unpublished(message)) is not None:
                ready.append(Answer.of(answer))
            elif self.line.knows(message) or (message.id is not None and message.known_as in seen):
                self.line.duplicates += 1
            else:
                seen.add(message.known_as)
                fresh.append(message)
        return ready, fresh

    def _judged(self, messages: list[Message], serving: Serving | None) -> tuple[Outcome, list[Answer]]:
        if serving is None:
            outcome = Outcome([message.reason or [] for message in messages])
        else:
            outcome = self._judging.judge(messages, serving)
        found = []
        for message, rows in zip(messages, outcome.judged, strict=True):
            if isinstance(rows, str):
                found.append(refused(message, rows))
            else:
                found.append(judged(message, serving, rows) if serving else collected(message))
        return outcome, found

    def _batch(self, messages: list[Message], outcome: Outcome, found: list[Answer]) -> Batch:
        good = [message for message, found in zip(messages, outcome.judged, strict=True) if not isinstance(found, str)]
        rows = [row for message in good for row in message.rows]
        anomalies = sum(item.anomaly for of_key in outcome.by_key().values() for item in of_key)
        return self.line.following(
            messages,
            [answer.line for answer in found],
            states={key: state.to_bytes() for key, state in outcome.states.items()},
            collect=self.collecting.wanted(rows, self.line.counts),
            rows=len(rows),
            anomalies=anomalies,
            dead=len(messages) - len(good),
        )

    def _publish(self, answer: Answer) -> None:
        if answer.reason is not None:
            headers = {"x-reason": answer.reason}
            self._intake.publish(self._stream.dead_queue, answer.body, answer.message_id, headers)
        elif self._stream.results_queue and answer.is_result:
            self._intake.publish(self._stream.results_queue, answer.line, answer.message_id, {})

    def _keep_letters(self, batch: Batch, found: list[Answer]) -> None:
        letters = {place: answer.to_letter() for place, answer in enumerate(found) if answer.reason is not None}
        if letters:
            self._store.stream_letters.add(batch.stream_id, batch.project_id, batch.number, letters)

    def _prune(self) -> None:
        # What a batch alone holds must stay: rows to be collected, and states.
        collected = self.collecting.through if self.collecting.is_behind else self.line.number
        first = self.line.forget(min(collected, self._merging.through))
        self._store.stream_batches.prune(self._stream.id, first)
        self._store.stream_letters.prune(self._stream.id)
