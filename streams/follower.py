"""A thread that follows one stream for as long as this worker has its lease."""

from __future__ import annotations

import logging
import threading

from alerts.watching import Watcher
from inference.answers import Damaged
from settings import Settings
from storage.store import Store
from storage.streams import Stream
from streams.intake import Intake
from streams.models import ServingModel
from streams.run import Run
from utils import ChangedMeanwhile, NotFound, Unavailable

logger = logging.getLogger(__name__)

_AGAIN_SECONDS = 1.0
_LONGER_SECONDS = 5.0
_NO_MODEL = "there is no model yet: train the project, or send `collect` to gather rows to train on"


class Follower(threading.Thread):
    """A thread that follows a stream until it is told to end, or another worker follows it.

    Args:
        stream: with the lease.
        watcher: is told of every batch.
    """

    def __init__(self, store: Store, settings: Settings, stream: Stream, watcher: Watcher):
        super().__init__(name=f"stream {stream.id}", daemon=True)
        self.stream = stream
        self._store = store
        self._settings = settings
        self._watcher = watcher
        self._end = threading.Event()
        self._changed = threading.Event()
        self._told: str | None = stream.error

    def end(self) -> None:
        """Finish the batch under way, and no other."""
        self._end.set()

    def change(self, stream: Stream) -> None:
        """The stream was renewed; what people have changed counts from the next batch on."""
        if stream.revision != self.stream.revision:
            self._changed.set()
        self.stream = stream

    def run(self) -> None:
        """Follow, whatever the broker, the database and the model do."""
        while not self._end.is_set():
            self._changed.clear()
            try:
                self._follow()
            except ChangedMeanwhile as error:
                logger.warning("stream %s: %s", self.stream.id, error)
                return
            except (Unavailable, NotFound, Damaged) as error:
                logger.warning("stream %s: %s", self.stream.id, error.detail)
                self._tell(error.detail)
                self._end.wait(_AGAIN_SECONDS)
            except Exception:  # whatever else it is, it is ours, and other streams go on
                logger.exception("stream %s cannot go on", self.stream.id)
                self._tell("an error inside DIYML; the operator's log says more")
                self._end.wait(_LONGER_SECONDS)

    def _follow(self) -> None:
        model = ServingModel(self._store, self.stream.project_id)
        while model.current() is None and not self._wants_rows():
            self._tell(_NO_MODEL)
            if self._end.wait(_AGAIN_SECONDS):
                return
        with Intake(self._settings, self.stream) as intake:
            run = Run(self._store, self.stream, intake, self._watcher)
            intake.begin()
            self._tell(None)
            while not self._end.is_set() and not self._changed.is_set():
                serving = model.current()
                if serving is None and not run.collecting.wants(run.line.counts):
                    break
                run.step(serving)
            run.close()

    def _wants_rows(self) -> bool:
        last = self._store.stream_batches.last(self.stream.id)
        return self.stream.collect_until > (last.counts.collected if last else 0)

    def _tell(self, error: str | None) -> None:
        if error != self._told:
            try:
                self._store.streams.note_error(self.stream, error)
            except Unavailable:
                return
            self._told = error
