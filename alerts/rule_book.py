"""Rules as they were a moment ago, so that rows cost no look at the database where a project has none."""

from __future__ import annotations

import threading
import time

from bson import ObjectId

from storage.alert_rules import AlertRule
from storage.store import Store

REMEMBERED_SECONDS = 1.0
_MOST = 10_000


class RuleBook:
    """Active rules by project, remembered for a second; safe to use from many threads."""

    def __init__(self, store: Store):
        self._rules = store.alert_rules
        self._known: dict[ObjectId, tuple[float, list[AlertRule]]] = {}
        self._lock = threading.Lock()

    def of(self, project_id: ObjectId) -> list[AlertRule]:
        """The active rules of a project."""
        now = time.monotonic()
        read_at, rules = self._known.get(project_id, (float("-inf"), []))
        if now - read_at < REMEMBERED_SECONDS:
            return rules
        rules = self._rules.active_of(project_id)
        with self._lock:
            if len(self._known) >= _MOST:
                self._known.clear()
            self._known[project_id] = now, rules
        return rules
