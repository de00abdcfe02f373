"""What is called after every batch of judged rows, and once a second: opens and closes incidents by a project's rules."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

from bson import ObjectId

from settings import Settings
from storage.store import Store

if TYPE_CHECKING:
    from inference.anomaly.judging import Judged


class Watcher:
    """Watches judged rows. Any number of processes may have one, and any number of threads may use it."""

    def __init__(self, store: Store, settings: Settings):
        self._store = store
        self._settings = settings

    def observe(self, project_id: ObjectId, key: str, judged: Sequence[Judged]) -> None:
        """Look at rows of a key, in their order.

        Called again with the same rows after a crash it opens no second incident.

        Args:
            key: tells apart what has incidents of its own, such as a sensor.

        Raises:
            Unavailable: the database does not answer; nothing is lost when it is called again with the same rows.
        """

    def tick(self) -> None:
        """Find keys that have fallen silent, and finish what a process that is gone had begun.

        To be called about once a second, by any number of processes.
        """
