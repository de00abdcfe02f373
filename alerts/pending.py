"""Rows that were looked at and are not stored yet: what changes nothing is stored now and then only."""

from __future__ import annotations

import threading
import time
from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, Any

from bson import ObjectId

from alerts.rows import KEPT_ROWS, KNOWN_ROWS, MARK_BYTES, chunks_kept, mark, marks, pack, small
from storage.alert_states import AlertState, Change
from storage.database import Document

if TYPE_CHECKING:
    from inference.anomaly.judging import Judged


@dataclass(frozen=True)
class Pending:
    """Rows of one key.

    Attributes:
        seen: their marks.
        since: when the last rows of the key were stored, on the process's own clock.
        noted: when was last noted what an open incident has come to.
        owes: it has come to more since.
    """

    project_id: ObjectId
    key: str
    rows: list[dict[str, Any]] = field(default_factory=list)
    seen: bytes = b""
    since: float = float("-inf")
    noted: float = float("-inf")
    owes: bool = False

    def fresh(self, state: AlertState, judged: Sequence[Judged]) -> list[Judged]:
        """Those rows that were not looked at before, as far as that can be told."""
        known = marks(state.seen) | marks(self.seen)
        return [row for row in judged if mark(row) not in known]

    def with_rows(self, judged: Sequence[Judged]) -> Pending:
        """These rows, and further ones."""
        rows = [*self.rows, *map(small, judged[-KEPT_ROWS:])][-KEPT_ROWS:]
        return replace(self, rows=rows, seen=self.seen + b"".join(map(mark, judged)))

    def is_due(self, seconds: float) -> bool:
        """Whether it is time to store them."""
        return len(self.rows) >= KEPT_ROWS or time.monotonic() - self.since >= seconds

    def change(
        self, state: AlertState, clock: float, entries: dict[str, Document], intents: Sequence[Document]
    ) -> Change:
        """What storing them changes."""
        chunk = (pack(self.rows), len(self.rows)) if self.rows else None
        seen = (state.seen + self.seen)[-KNOWN_ROWS * MARK_BYTES :]
        return Change(entries, intents, clock, seen, chunk, chunks_kept(state.sizes, len(self.rows)))

    def stored(self, noted: bool, is_open: bool) -> Pending:
        """What is pending once they are.

        Args:
            noted: also what an open incident has come to.
            is_open: there is one.
        """
        now = time.monotonic()
        noted_at = now if noted else self.noted
        return Pending(self.project_id, self.key, since=now, noted=noted_at, owes=is_open and not noted)


class PendingRows:
    """By key; safe to use from many threads."""

    def __init__(self) -> None:
        self._pending: dict[tuple[ObjectId, str], Pending] = {}
        self._lock = threading.Lock()

    def of(self, project_id: ObjectId, key: str) -> Pending:
        """What is pending of a key."""
        with self._lock:
            return self._pending.get((project_id, key)) or Pending(project_id, key)

    def put(self, pending: Pending) -> None:
        """Have this pending of its key, instead of what was."""
        with self._lock:
            self._pending[pending.project_id, pending.key] = pending

    def forget(self, seconds: float) -> list[Pending]:
        """Take out keys of which nothing was stored for so long; gives those with something to store or note."""
        with self._lock:
            old = [key for key, pending in self._pending.items() if pending.is_due(seconds)]
            return [pending for key in old if _is_left(pending := self._pending.pop(key))]


def _is_left(pending: Pending) -> bool:
    return bool(pending.rows) or pending.owes
