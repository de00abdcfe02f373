"""What Moodle may ask for, over whatever shelf its models lie on."""

from __future__ import annotations

import shutil
import threading
import time
from collections import OrderedDict
from pathlib import Path
from typing import Any

from moodle.datafile import read_samples
from moodle.ids import ModelIds
from moodle.model import StoredModel
from moodle.packed import empty_zip
from moodle.predicting import predictions
from moodle.shelves.protocol import Shelf, Stored
from moodle.status import Answer, not_trained
from moodle.tasks import DATA, LOG, MADE_MODEL, MODEL
from moodle.temporary import temporary
from moodle.workers import GivenUp, Workers, never
from settings import MEBIBYTE, Settings
from utils import Conflict, NotFound, TooLarge

_TRIES = 10
_MOST_LOGS = 20
_MOST_RUNNERS = 32
# Larger ones are predicted for in a process of their own, so that they hold nobody up.
_AT_ONCE_BYTES = 4 * MEBIBYTE
_MOST_IMPORT_BYTES = 512 * MEBIBYTE


class Engine:
    """Trains, predicts, evaluates, hands out and takes in."""

    def __init__(self, shelf: Shelf, workers: Workers, settings: Settings):
        self._shelf = shelf
        self._workers = workers
        self._settings = settings
        self._loaded = _Loaded()

    def get_ready(self) -> None:
        """Begin to load what trainings and evaluations need, since one is about to come."""
        self._workers.get_ready()

    def train(self, ids: ModelIds, data: Path) -> Answer:
        """Learn from a file; from one that other trainings meanwhile learned from as well, together with it.

        Raises:
            InvalidInput: the file cannot be learned from.
            Conflict: others train the same model all the time.
        """
        for _ in range(_TRIES):
            before = self._shelf.read(ids.model)
            with temporary(self._settings) as name:
                folder = _prepared(Path(name), data, before)
                answer = self._workers.do({"do": "train"}, folder)
                made = folder / MADE_MODEL
                if not made.exists():
                    return answer
                # Somebody else may have trained it meanwhile; then both files must count, so once more with that one.
                if self._shelf.write(ids.model, made.read_bytes(), before.version if before else None):
                    return answer
        raise Conflict("others train this model at the same time: nothing was learned from this file, send it again")

    def predicts_at_once(self, data: Path) -> bool:
        """Whether a file is small enough to predict for it where one is."""
        return data.stat().st_size <= _AT_ONCE_BYTES

    def predict(self, ids: ModelIds, data: Path) -> Answer:
        """Predict for the samples of a file.

        Raises:
            InvalidInput: the file cannot be read, or does not fit to the model.
        """
        if not self.predicts_at_once(data):
            return self._predict_apart(ids, data)
        runner = self._runner(ids)
        return predictions(runner, read_samples(data.read_bytes())) if runner else not_trained()

    def _predict_apart(self, ids: ModelIds, data: Path) -> Answer:
        stored = self._shelf.read(ids.model)
        if stored is None:
            return not_trained()
        with temporary(self._settings) as name:
            return self._workers.do({"do": "predict"}, _prepared(Path(name), data, stored))

    def _runner(self, ids: ModelIds) -> Any:
        """The model, ready to run; None when there is none."""
        version = self._shelf.version(ids.model)
        if version is None:
            return None
        found = self._loaded.get(ids.model.whole, version)
        if found is None:
            from moodle.learner.running import Runner

            stored = self._shelf.read(ids.model)
            if stored is None:
                return None
            found = Runner(StoredModel.kept(stored.content))
            self._loaded.put(ids.model.whole, stored.version, found)
        return found

    def evaluate(
        self,
        ids: ModelIds,
        data: Path,
        wish: dict[str, Any],
        trained: ModelIds | None = None,
        trained_on: Shelf | None = None,
        given_up: GivenUp = never,
    ) -> Answer:
        """Evaluate by a file, and keep a log of it; the model itself is left as it is.

        Args:
            wish: the fields of `Wish` without the number of the run.
            trained: a model that is scored instead of training.
            trained_on: the shelf on which it lies, when that is another one.
            given_up: whether nobody waits for the answer any more; nobody else learns the number of the run.

        Raises:
            InvalidInput: the file cannot be read, or does not fit to the model.
        """
        model = (trained_on or self._shelf).read(trained.model) if trained else None
        run_id = time.time_ns() // 1000
        if trained and model is None:
            return {**not_trained(), "runid": run_id, "dir": ids.dirhash}
        with temporary(self._settings) as name:
            folder = _prepared(Path(name), data, model)
            answer = self._workers.do({"do": "evaluate", "wish": {**wish, "run_id": run_id}}, folder, given_up)
            self._shelf.write(ids.log(run_id), (folder / LOG).read_bytes(), None)
        self._shelf.delete(*self._shelf.logs(ids)[:-_MOST_LOGS])
        return {**answer, "dir": ids.dirhash}

    def log(self, ids: ModelIds, run_id: int) -> bytes:
        """The log of an evaluation; an empty archive when there is none."""
        stored = self._shelf.read(ids.log(run_id))
        return stored.content if stored else empty_zip()

    def export(self, ids: ModelIds) -> bytes:
        """The model as a ZIP file.

        Raises:
            NotFound: there is none.
        """
        stored = self._shelf.read(ids.model)
        if stored is None:
            raise NotFound("There is nothing to export.")
        return stored.content

    def import_zip(self, ids: ModelIds, path: Path) -> None:
        """Take a model in that was exported elsewhere, in place of what there is.

        Raises:
            InvalidInput: it is none that DIYML has exported.
            TooLarge: of the file.
        """
        if path.stat().st_size > _MOST_IMPORT_BYTES:
            raise TooLarge(f"a model may have {_MOST_IMPORT_BYTES:,} bytes, got {path.stat().st_size:,}")
        self.import_model(ids, StoredModel.unpack(path.read_bytes()))

    def import_model(self, ids: ModelIds, model: StoredModel) -> None:
        """The same of a model that is unpacked already."""
        from moodle.learner.rows import Rows
        from moodle.learner.running import check_foreign

        check_foreign(model)
        if model.card.kept:
            Rows.unpack(model.files[model.card.kept], len(model.card.columns), len(model.card.classes))
        packed = model.pack()
        for _ in range(_TRIES):
            if self._shelf.write(ids.model, packed, self._shelf.version(ids.model)):
                return
        raise Conflict("this model is being trained at the same time: import it again in a moment")

    def delete(self, ids: ModelIds) -> None:
        """Delete everything of a model, whatever its dirhash; none is no error."""
        self._shelf.delete_all(ids)


def _prepared(folder: Path, data: Path, model: Stored | None) -> Path:
    shutil.copyfile(data, folder / DATA)
    if model:
        (folder / MODEL).write_bytes(model.content)
    return folder


class _Loaded:
    """Models that were asked a moment ago, ready to run, each in its newest version."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._runners: OrderedDict[str, tuple[str, Any]] = OrderedDict()

    def get(self, name: str, version: str) -> Any:
        with self._lock:
            found = self._runners.get(name)
            if found is None or found[0] != version:
                return None
            self._runners.move_to_end(name)
            return found[1]

    def put(self, name: str, version: str, runner: Any) -> None:
        with self._lock:
            self._runners[name] = (version, runner)
            self._runners.move_to_end(name)
            while len(self._runners) > _MOST_RUNNERS:
                self._runners.popitem(last=False)
