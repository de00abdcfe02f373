"""Brings the checkpoints of a running training to the store."""

from __future__ import annotations

import logging
import threading
from collections.abc import Callable
from pathlib import Path
from types import TracebackType

from storage.job import Job
from storage.store import Store
from utils import Unavailable

logger = logging.getLogger(__name__)

_RETRY_SECONDS = 1.0
_END_SECONDS = 5.0


class Keeper:
    """A thread that uploads one checkpoint after the other, the newest first; what it overtakes is dropped.

    Neither the training nor its heartbeat ever waits for it. The files belong to it: each is deleted once it is
    uploaded or overtaken.

    Args:
        beat: brings what was told of the training to its record, so that a checkpoint is never ahead of the history.
    """

    def __init__(self, store: Store, job: Job, digest: str, beat: Callable[[], None]):
        self._store = store
        self._job = job
        self._digest = digest
        self._beat = beat
        self._changed = threading.Condition()
        self._newest: tuple[Path, int] | None = None
        self._resumed: int | None = None
        self._busy = False
        self._ended = False
        self._thread = threading.Thread(target=self._run, name=f"keeper-{job.id}", daemon=True)

    def __enter__(self) -> Keeper:
        self._thread.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        """End soon. An upload that takes longer is refused when it is done, since the attempt has ended by then."""
        with self._changed:
            self._ended = True
            self._changed.notify_all()
        self._thread.join(_END_SECONDS)

    def offer(self, path: Path, epoch: int) -> None:
        """There is a new checkpoint; does not wait."""
        with self._changed:
            self._drop()
            self._newest = path, epoch
            self._changed.notify_all()

    def resumed(self, epoch: int) -> None:
        """The training goes on from the checkpoint it was given; does not wait."""
        with self._changed:
            self._resumed = epoch
            self._changed.notify_all()

    def flush(self, seconds: float) -> None:
        """Wait until everything is uploaded, at most so long."""
        with self._changed:
            self._changed.wait_for(lambda: not self._busy and self._newest is None and self._resumed is None, seconds)

    def _drop(self) -> None:
        if self._newest:
            self._newest[0].unlink(missing_ok=True)
            self._newest = None

    def _run(self) -> None:
        while True:
            with self._changed:
                self._busy = False
                self._changed.notify_all()
                self._changed.wait_for(lambda: self._ended or self._newest or self._resumed is not None)
                if self._ended:
                    return
                resumed, newest = self._resumed, self._newest
                self._resumed = self._newest = None
                self._busy = True
            self._record(resumed, newest)

    def _record(self, resumed: int | None, newest: tuple[Path, int] | None) -> None:
        try:
            if resumed is not None:
                self._store.job_runs.resumed(self._job, resumed)
                resumed = None
            if newest:
                self._upload(*newest)
        except Unavailable as error:
            logger.warning("job %s: a checkpoint waits for the database: %s", self._job.id, error)
            self._give_back(resumed, newest)
        except Exception:  # a training is worth more than a checkpoint of it
            logger.exception("job %s: a checkpoint could not be kept", self._job.id)

    def _upload(self, path: Path, epoch: int) -> None:
        with path.open("rb") as source:
            file = self._store.artifacts.put(source, f"checkpoint-{epoch}")
        self._beat()
        if self._store.job_runs.checkpoint(self._job, file, epoch, self._digest):
            logger.info("job %s: checkpoint of epoch %d kept, %d bytes", self._job.id, epoch, file.size)
        path.unlink(missing_ok=True)

    def _give_back(self, resumed: int | None, newest: tuple[Path, int] | None) -> None:
        """Return what could not be recorded; newer news win."""
        with self._changed:
            self._changed.wait_for(lambda: self._ended, _RETRY_SECONDS)
            self._resumed = resumed if self._resumed is None else self._resumed
            if self._newest is None:
                self._newest = newest
            elif newest:
                newest[0].unlink(missing_ok=True)
