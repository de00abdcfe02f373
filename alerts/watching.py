"""What is called after every batch of judged rows, and once a second: opens and closes incidents by the rules."""

from __future__ import annotations

import logging
import time
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING

from bson import ObjectId

from alerts.finishing import close_stale, finish
from alerts.kinds import KINDS, SILENCE_KINDS
from alerts.moving import Moved, fall_silent, move
from alerts.pending import Pending, PendingRows
from alerts.rows import clocks
from alerts.rule_book import RuleBook
from settings import Settings
from storage.alert_rules import AlertRule
from storage.alert_states import AlertState, Change
from storage.database import Document
from storage.store import Store
from utils import Unavailable, utc_now

if TYPE_CHECKING:
    from inference.anomaly.judging import Judged

logger = logging.getLogger(__name__)

# What changes nothing but a picture, or what an open incident has come to, is stored that often.
_STORED_SECONDS = 5.0
# A silence is noticed late by at most that part of it.
_SILENCE_PART = 4
_TRIES = 20
# Rows that wait for a process that has just begun are looked at first.
_GRACE_SECONDS = 60.0


class Watcher:
    """Watches judged rows. Any number of processes may have one, and any number of threads may use it.

    A batch costs one look at the database, and a write for each key of which it changes what rules remember; nothing
    where a project has no rules.
    """

    def __init__(self, store: Store, settings: Settings):
        self._store = store
        self._settings = settings
        self._states = store.alert_states
        self._rules = RuleBook(store)
        self._pending = PendingRows()
        self._began_at = time.monotonic()

    def observe(self, project_id: ObjectId, key: str, judged: Sequence[Judged]) -> None:
        """Look at rows of a key, in their order.

        Called again with the same rows after a crash it opens no second incident.

        Args:
            key: tells apart what has incidents of its own, such as a sensor.

        Raises:
            Unavailable: the database does not answer; nothing is lost when it is called again with the same rows.
        """
        self.observe_all(project_id, {key: judged})

    def observe_all(self, project_id: ObjectId, judged: Mapping[str, Sequence[Judged]]) -> None:
        """Look at rows of several keys; see `observe`."""
        rules = self._rules.of(project_id) if any(judged.values()) else []
        if rules:
            for key, state in self._states.get_all(project_id, judged).items():
                self._observe(rules, state, judged[key])

    def _observe(self, rules: list[AlertRule], state: AlertState, judged: Sequence[Judged]) -> None:
        for _ in range(_TRIES):
            pending = self._pending.of(state.project_id, state.key)
            fresh = pending.fresh(state, judged)
            if not fresh or self._look(rules, state, pending, fresh):
                return
            state = self._states.get(state.project_id, state.key)
        key = state.key[:100]
        raise Unavailable(f"the key '{key}' is written to by too many at once: try again", retry_after_seconds=1)

    def tick(self) -> None:
        """Find keys that have fallen silent, and finish what a process that is gone had begun.

        To be called about once a second, by any number of processes.
        """
        for rule in self._store.alert_rules.active_of_kinds(SILENCE_KINDS):
            self._find_silent(rule)
        close_stale(self._store)
        for state in self._states.owing():
            finish(self._store, state)
        for pending in self._pending.forget(2 * _STORED_SECONDS):
            self._store_rest(pending)

    def _look(self, rules: list[AlertRule], state: AlertState, pending: Pending, fresh: list[Judged]) -> bool:
        """Show rows to the rules and store what comes of it; false when somebody else was quicker."""
        now = utc_now()
        times = clocks(fresh, state.clock, now)
        moved = move(rules, state.entries, list(zip(fresh, times, strict=True)), now)
        pending = pending.with_rows(fresh)
        is_due = pending.is_due(_stored_seconds(rules))
        if not is_due and not moved.intents and moved.entries == state.entries:
            self._pending.put(pending)
            return True
        if not self._states.save(state, pending.change(state, times[-1], moved.entries, moved.intents)):
            return False
        # An incident that begins holds the rows up to there, and may have more in the same batch.
        is_noted = not moved.intents and time.monotonic() - pending.noted >= _STORED_SECONDS
        is_open = any(entry["open"] is not None for entry in moved.entries.values())
        self._pending.put(pending.stored(is_noted, is_open))
        self._finish(state, moved, is_noted)
        return True

    def _finish(self, state: AlertState, moved: Moved, is_noted: bool) -> None:
        """What follows from what is stored; left to the next tick, of any process, when the database is silent now."""
        try:
            if moved.intents:
                finish(self._store, state)
            elif is_noted:
                self._note_progress(moved.entries)
        except Unavailable as error:
            logger.warning("%s", error)

    def _note_progress(self, entries: dict[str, Document]) -> None:
        for entry in entries.values():
            if entry["open"] is not None:
                found = {"rows": entry["rows"], **(entry["peak"] or {})}
                self._store.alert_incidents.progress(entry["open"], found)

    def _find_silent(self, rule: AlertRule) -> None:
        seconds = KINDS[rule.kind].silence_seconds(rule.parameters)
        if seconds is None or time.monotonic() - self._began_at < min(seconds, _GRACE_SECONDS):
            return
        for state in self._states.silent(rule, seconds):
            if state.seen_at is None:
                continue
            moved = fall_silent(rule, state.entries, state.seen_at, utc_now())
            if moved.intents and self._states.save(state, Change(moved.entries, moved.intents), row_came=False):
                finish(self._store, state)

    def _store_rest(self, pending: Pending) -> None:
        """Store the last rows of a key of which none came since, so that a picture of its silence has them, and what
        an open incident has come to with them.
        """
        state = self._states.get(pending.project_id, pending.key)
        if pending.rows and state.version:
            change = pending.change(state, state.clock, state.entries, ())
            self._states.save(state, change, row_came=False)
        if pending.owes:
            self._note_progress(state.entries)


def _stored_seconds(rules: list[AlertRule]) -> float:
    """How often rows are stored: often enough for every silence to be noticed."""
    silences = (KINDS[rule.kind].silence_seconds(rule.parameters) for rule in rules)
    return min([_STORED_SECONDS, *(seconds / _SILENCE_PART for seconds in silences if seconds)])
