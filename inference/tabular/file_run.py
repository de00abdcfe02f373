"""One attempt at one prediction job, from the claim to its end: a file of rows in, the same with predictions out."""

from __future__ import annotations

import gzip
import io
import logging
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any, BinaryIO, TypeVar, cast

from bson import ObjectId

from datasets.imports.interrupts import Cancelled, Interrupts, Lost, Stopped
from datasets.tables.bounds import Bounds
from datasets.tables.working import working_folder
from inference.answers import Damaged, Engine
from inference.tabular.csv_rows import engine_predictions, with_predictions
from storage.files import StoredFile
from storage.import_record import Import, ImportState
from storage.piece_file import PieceFile
from storage.store import Store
from utils import Conflict, InvalidInput, NotFound, TooLarge, TooManyRequests, Unavailable, without_folders

logger = logging.getLogger(__name__)

T = TypeVar("T")

ROWS_AT_ONCE = 1_000
STOPPED = "the worker was stopped"
_BUFFER_BYTES = 64 * 1024
_NOTE_SECONDS = 1.0
_NEARLY_DONE = 0.99
_LEAST_WAIT_SECONDS, _MOST_WAIT_SECONDS = 1, 5
_PACKING_LEVEL = 3
_MOST_WARNINGS, _MOST_WARNING_CHARACTERS = 100, 1_000
# What another attempt would meet again.
_REFUSALS = (InvalidInput, NotFound, TooLarge, Conflict, Damaged)


class PredictionRun:
    """Sees one claimed prediction job through. An attempt after one that was lost begins at the first row again.

    Args:
        folder: for the result while it is made, packed.
        most_bytes: that the file may have when it is unpacked.
        told: is called when its end is recorded.
    """

    def __init__(
        self,
        store: Store,
        record: Import,
        folder: Path,
        most_bytes: int,
        engine: Engine,
        interrupts: Interrupts,
        told: Callable[[], None] = lambda: None,
    ):
        self._store = store
        self._record = record
        self._folder = folder
        self._bounds = Bounds(file=most_bytes)
        self._engine = engine
        self._interrupts = interrupts
        self._told = told
        self._rows = 0
        self._warnings: list[str] = []
        self._noted_at = time.monotonic()

    def run(self) -> None:
        """Predict, and record the end; what interrupts it is recorded as well."""
        try:
            result = self._predict()
        except _REFUSALS as error:
            self._end(ImportState.FAILED, error.detail)
        except Cancelled:
            self._end(ImportState.CANCELLED, "cancelled")
        except Lost:
            return
        except Stopped:
            self._store.prediction_runs.release(self._record, STOPPED, counts=False)
        else:
            self._end(ImportState.SUCCEEDED, None, result)

    def fail(self, error: Exception) -> None:
        """Give it back after a fault of ours, which another attempt may not meet."""
        reason = f"the worker could not see it through: {without_folders(str(error))[:500]}"
        self._store.prediction_runs.release(self._record, reason)

    def _end(self, state: ImportState, error: str | None, result: StoredFile | None = None) -> None:
        runs, fields = self._store.prediction_runs, self._fields()
        while True:  # whoever cancels now is too late, and what is predicted must not be lost to a silent database
            try:
                is_ended = runs.end(self._record, state, error, result, fields)
                break
            except Unavailable as silent:
                logger.warning("%s", silent)
                if self._interrupts.lost.is_set() or self._interrupts.stop.wait(1):
                    return
        if is_ended:
            logger.info("prediction job %s: %s, %d rows", self._record.id, state.value, self._rows)
            self._store.prediction_jobs.drop_pieces()
            self._told()

    def _predict(self) -> StoredFile:
        model_id = self._model_id()
        with working_folder(self._folder) as folder:
            path = folder / "predictions.csv.gz"
            with path.open("wb") as target, gzip.GzipFile("", "wb", _PACKING_LEVEL, target, mtime=0) as packed:
                for piece in self._pieces(model_id):
                    packed.write(piece)
                    self._interrupts.look()
            return self._interrupts.persist(lambda: self._stored(path))

    def _model_id(self) -> ObjectId:
        """The model that answered when the job was begun, as long as its project is published."""
        persist = self._interrupts.persist
        project = persist(lambda: self._store.projects.get(self._record.project_id))
        if project is None or not project.is_published:
            raise NotFound("the project is not published any more")
        return self._record.options["model_id"]

    def _pieces(self, model_id: ObjectId) -> Iterator[bytes]:
        """The file with predictions; counts its rows, and notes how far it is."""
        persist = self._interrupts.persist
        pieces = persist(lambda: self._store.prediction_jobs.pieces(self._record.id))
        if sum(piece.size for piece in pieces) != self._record.size:
            raise InvalidInput("the bytes of the upload are not there any more: send the file again")
        raw = PieceFile(self._store.uploads, pieces, persist)
        file = cast(BinaryIO, io.BufferedReader(raw, _BUFFER_BYTES))
        caller, told = str(self._record.owner_id), self._warnings.extend
        predict = engine_predictions(self._engine, model_id, caller, self._patiently, told)

        def counted(rows: list[dict[str, str]], first: int) -> list[dict[str, Any]]:
            # The first call waits for its turn as well, since nobody waits for it.
            answers = predict(rows, first) if first > 1 else self._patiently(lambda: predict(rows, first))
            self._rows += len(rows)
            self._note(raw.tell() / self._record.size)
            return answers

        yield from with_predictions(file, self._bounds, ROWS_AT_ONCE, counted)

    def _patiently(self, call: Callable[[], T]) -> T:
        """Wait for a turn as long as it takes: the caller's limits hold here too, and the model may have to be loaded.

        Raises:
            Interrupted: see `Interrupts.look`.
        """
        while True:
            self._interrupts.look()
            try:
                return call()
            except Damaged:
                raise
            except (TooManyRequests, Unavailable) as busy:
                wished = busy.retry_after_seconds or _LEAST_WAIT_SECONDS
                self._interrupts.stop.wait(min(max(_LEAST_WAIT_SECONDS, wished), _MOST_WAIT_SECONDS))

    def _note(self, share: float) -> None:
        if time.monotonic() - self._noted_at < _NOTE_SECONDS:
            return
        self._noted_at = time.monotonic()
        fields = {**self._fields(), "progress": round(min(_NEARLY_DONE, share), 4)}
        if not self._interrupts.persist(lambda: self._store.prediction_runs.note(self._record, fields)):
            raise Lost

    def _fields(self) -> dict[str, Any]:
        warnings = [warning[:_MOST_WARNING_CHARACTERS] for warning in self._warnings[:_MOST_WARNINGS]]
        return {"done": self._rows, "counts": {"rows": self._rows}, "options.warnings": warnings}

    def _stored(self, path: Path) -> StoredFile:
        with path.open("rb") as file:
            return self._store.artifacts.put(file, "predictions.csv.gz")
