"""Rows of a stream that become data of its project, to train on."""

from __future__ import annotations

import logging
from collections.abc import Mapping, Sequence
from typing import Any

from datasets.tables.appending import append_rows
from storage.projects import Project
from storage.store import Store
from storage.stream_batches import Counts
from storage.streams import Stream
from utils import Conflict, InvalidInput, TooLarge, TooManyRequests

logger = logging.getLogger(__name__)

SOURCE = "stream"


class Collecting:
    """Hands rows over from batches, in order, each batch once.

    Attributes:
        through: number of the last batch whose rows were handed over.
        is_behind: whether later ones may have rows, too.
    """

    def __init__(self, store: Store, stream: Stream):
        self._store = store
        self._stream = stream
        self.through = store.streams.get(stream.project_id).collected_through
        self.is_behind = True

    def wants(self, counts: Counts) -> bool:
        """Whether more rows are to be collected."""
        return self._stream.collect_until > counts.collected

    def wanted(self, rows: Sequence[Mapping[str, Any]], counts: Counts) -> list[dict[str, Any]]:
        """Those of the rows that are to become data."""
        taken = [dict(row) for row in rows[: max(0, self._stream.collect_until - counts.collected)]]
        self.is_behind = self.is_behind or bool(taken)
        return taken

    def hand_over(self) -> None:
        """Add the rows of batches to the project's data, as far as it takes them now."""
        if not self.is_behind:
            return
        project = self._store.projects.get(self._stream.project_id)
        if project is None:
            return
        batches = self._store.stream_batches.to_collect(self._stream.id, self.through)
        for batch in batches:
            try:
                refused = self._add(project, batch.collect, f"{self._stream.id}-{batch.number}")
            except TooManyRequests:
                return  # those that wait become part of the table first
            self.through = batch.number
            self._store.streams.advance(self._stream.id, refused=refused, collected_through=batch.number)
        self.is_behind = bool(batches)

    def _add(self, project: Project, rows: Sequence[Mapping[str, Any]], key: str) -> int:
        """Add rows, all but those that do not fit; gives how many these are."""
        try:
            append_rows(self._store, project, rows, SOURCE, key)
            return 0
        except (InvalidInput, TooLarge, Conflict) as error:
            half = len(rows) // 2
            if half:
                return self._add(project, rows[:half], f"{key}.0") + self._add(project, rows[half:], f"{key}.1")
            logger.info("stream %s: a row does not become data: %s", self._stream.id, error.detail)
            return 1
