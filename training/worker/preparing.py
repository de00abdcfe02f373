"""From a claimed job to its data on disk and on record, whatever kind of data they are."""

from __future__ import annotations

import logging
from collections.abc import Callable
from pathlib import Path
from typing import Any

from datasets.kinds import Caches, Dataset, Record, Snapshot
from datasets.registry import KINDS
from datasets.versions import snapshot_of_version
from storage.job import Job
from storage.projects import Project
from storage.store import Store
from training.readiness import missing
from training.recording import keep_record, recorded_data
from training.worker.progress import Progress
from utils import ChangedMeanwhile, Conflict, InvalidInput, NotFound, plural, without_folders

logger = logging.getLogger(__name__)

_CAPTURES = 5


class CannotPrepare(Exception):
    """There is nothing that the job could train on; the message says why."""


class ProjectGone(Exception):
    """The job's project was deleted."""


class Preparation:
    """The data of one job.

    Args:
        folder: the job's own.
        persist: repeats a step until the database answers.
    """

    def __init__(
        self,
        store: Store,
        caches: Caches,
        job: Job,
        folder: Path,
        progress: Progress,
        persist: Callable[[Callable[[], Any]], Any],
    ):
        self._store = store
        self._job = job
        self._folder = folder
        self._progress = progress
        self._persist = persist
        self._kind = KINDS[job.project_type]
        self._cache = caches.of(self._kind)

    def run(self) -> Dataset:
        """Bring the data to disk, in the parts of their split, and record them.

        Raises:
            CannotPrepare: something is missing, lost or unfit, or changes all the time.
            ProjectGone: nobody needs them any more.
        """
        try:
            return self._materialised()
        except OSError as error:
            reason = without_folders(str(error))
            raise CannotPrepare(f"the {self._kind.name} could not be brought to the worker's disk: {reason}") from error

    def _materialised(self) -> Dataset:
        """What is replaced while it is fetched means a new snapshot."""
        job, kind = self._job, self._kind
        for _ in range(_CAPTURES):
            try:
                record = self._record()
                dataset = self._fetch(record)
            except NotFound:
                logger.info("job %s: the %s changed meanwhile, taking a new snapshot", job.id, kind.name)
                continue
            for note in record.notes():
                self._progress.log(note)
            if job.loads:
                self._progress.log(f"{plural(record.held_back, kind.unit)} held back to check the model on")
            elif job.quantizes is None:
                held_back = f"{record.held_back:,} held back"
                self._progress.log(f"{plural(record.trained_on, kind.unit)} to train on, {held_back}")
            return dataset
        raise CannotPrepare(
            f"the {kind.name} kept changing while the training was prepared: train again when uploads have ended"
        )

    def _fetch(self, record: Record) -> Dataset:
        kind, store, job = self._kind, self._store, self._job
        dataset: Dataset = self._persist(lambda: kind.materialise(store, job.id, record, self._cache, self._folder))
        self._persist(lambda: keep_record(store, job, record, dataset.digest))
        return dataset

    def _record(self) -> Record:
        job = self._job
        project = self._persist(lambda: self._store.projects.get(job.project_id))
        if project is None:
            raise ProjectGone
        try:
            record: Record
            if job.takes_recorded_data:
                record = self._persist(lambda: recorded_data(self._store, job))
                return record
            snapshot = self._snapshot(project)
            if lacks := missing(snapshot):
                raise CannotPrepare("; ".join(lack.message for lack in lacks))
            fraction, seed = job.params["train_split"], job.params["seed"]
            record = self._persist(lambda: self._kind.split(self._store, snapshot, fraction, seed, self._cache))
            return record
        except (Conflict, InvalidInput, ChangedMeanwhile) as refused:
            raise CannotPrepare(refused.detail) from refused

    def _snapshot(self, project: Project) -> Snapshot:
        number, kind = self._job.dataset_version, self._kind
        snapshot: Snapshot
        if number is None:
            self._persist(lambda: kind.gather(self._store, project, self._folder))
            snapshot = self._persist(lambda: kind.capture(self._store, project))
            return snapshot
        try:
            snapshot = self._persist(lambda: snapshot_of_version(self._store, project, number))
            return snapshot
        except NotFound as gone:
            raise CannotPrepare(gone.detail) from gone
