"""Sees one claimed job through: data to disk, training process, model to the store, one end."""

from __future__ import annotations

import json
import logging
import math
import shutil
import signal
import threading
import time
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path
from typing import Any, TypeVar

from bson import ObjectId

from datasets.kinds import Caches
from settings import Settings
from storage.attempts import BrokenOff
from storage.database import object_id
from storage.job import Job
from storage.models import Model
from storage.store import Store
from training.loading.fetching import CannotFetch, fetch
from training.process_tree import kill_all
from training.promotion import hand_over
from training.registry import TRAINERS
from training.run import DATASET, EXIT_FAILED, LOAD, QUANTIZE, RESULT, SPEC, TRAIN
from training.worker.devices import LocalDevice
from training.worker.heart import Heart
from training.worker.keeper import Keeper
from training.worker.limits import Limits, Watch
from training.worker.preparing import CannotPrepare, Preparation, ProjectGone
from training.worker.process import TrainingProcess, exit_reason, training_process
from training.worker.progress import Progress
from utils import NotFound, Unavailable

logger = logging.getLogger(__name__)
T = TypeVar("T")

_LOOK_SECONDS = 0.1
_FLUSH_SECONDS = 5.0
_SIGTERM_SECONDS = 1.0
_STOPPED = "the worker was stopped"
_SERVED = "model.onnx"


class _Ended(Exception):
    """The job is over or not ours any more: nothing is left to do."""


class Supervisor:
    """Runs claimed jobs on one device, one after the other.

    Args:
        stop: set when the worker must end; a running job then goes back to the queue.
        caches: shared with the supervisors of the worker's other devices.
    """

    def __init__(self, store: Store, settings: Settings, stop: threading.Event, device: LocalDevice, caches: Caches):
        self._store = store
        self._device = device
        self._settings = settings
        self._stop = stop
        self._limits = Limits.of(settings)
        self._work = settings.data_dir.absolute() / "work"
        self._caches = caches

    def run(self, job: Job) -> None:
        """Bring a job to an end, or back into the queue."""
        logger.info("job %s: attempt %d of a %s training begins", job.id, job.attempt, job.project_type)
        folder = self._work / f"{job.id}-{job.attempt}"
        progress = Progress(job.epochs, job.progress)
        self._remove_leftovers()
        try:
            with Heart(self._store, job, progress, self._settings.heartbeat_seconds) as heart:
                try:
                    self._train(job, folder, progress, heart)
                except _Ended:
                    logger.info("job %s: ended early", job.id)
        finally:
            shutil.rmtree(folder, ignore_errors=True)

    def _remove_leftovers(self) -> None:
        """End what is left of attempts that run no more, such as those of a worker that was killed."""
        for folder in self._work.glob("*-*"):
            job_id, attempt = folder.name.split("-", 1)
            if not self._store.job_runs.runs(object_id(job_id, "job"), int(attempt)):
                kill_all(str(folder))
                shutil.rmtree(folder, ignore_errors=True)

    def _train(self, job: Job, folder: Path, progress: Progress, heart: Heart) -> None:
        folder.mkdir(parents=True)
        if job.attempt > 1:
            self._persist(lambda: self._store.models.delete_of(job.id))
        try:
            dataset = Preparation(self._store, self._caches, job, folder, progress, self._persist).run()
        except CannotPrepare as reason:
            raise self._failed(job, str(reason)) from reason
        except ProjectGone:
            self._persist(lambda: self._store.job_runs.end_cancelled(job))
            raise _Ended from None
        dataset.write(folder / DATASET)
        checkpoint = self._fetch_checkpoint(job, dataset.digest, folder / "checkpoint", progress)
        source = self._fetch_source(job, folder / "source.onnx")
        (folder / SPEC).write_text(json.dumps({**self._spec(job, checkpoint), "source": source}))
        home = self._settings.data_dir / "cache" / "home"
        home.mkdir(parents=True, exist_ok=True)
        with (
            Keeper(self._store, job, dataset.digest, heart.beat) as keeper,
            training_process(folder, home, progress, keeper, self._device.environment) as process,
        ):
            logger.info("job %s: training process %d", job.id, process.pid)
            status = self._follow(job, process, progress, heart, keeper)
            if status != 0 or not (folder / RESULT).exists():
                raise self._broken_off(job, status, process, progress, heart, keeper)
        self._finish(job, json.loads((folder / RESULT).read_text()), progress, heart)

    def _fetch_checkpoint(self, job: Job, digest: str, path: Path, progress: Progress) -> Path | None:
        """What an earlier attempt left, on disk; None to begin anew.

        A checkpoint may be a pickle, which can run code when it is read. What is read is what a training process of
        ours wrote: the job names its hash, so that whoever could change the stored file alone changes nothing here.
        """
        checkpoint = job.checkpoint
        if checkpoint is None:
            return None
        if checkpoint.digest != digest:
            reason = "the images or labels have changed since"
        elif self._save(checkpoint.file_id, path) != checkpoint.sha256:
            reason = "the checkpoint is lost or damaged"
        else:
            progress.log(f"attempt {job.attempt} goes on after epoch {checkpoint.epoch}")
            return path.absolute()
        progress.log(f"attempt {job.attempt} starts over from the first epoch: {reason}")
        self._persist(lambda: self._store.job_runs.start_over(job))
        return None

    def _fetch_source(self, job: Job, path: Path) -> dict[str, Any] | None:
        """The model that the job makes another of: its file on disk, and its card; None when it trains one."""
        if job.loads:
            try:
                return fetch(self._settings, job.loads, path)
            except CannotFetch as reason:
                raise self._failed(job, str(reason)) from reason
        model_id = job.quantizes
        if model_id is None:
            return None
        try:
            model = self._persist(lambda: self._store.models.get(model_id))
        except NotFound as gone:
            raise self._failed(job, gone.detail) from gone
        file = model.files[_SERVED]
        if self._save(file.file_id, path) != file.sha256:
            raise self._failed(job, "the file of the model is lost or damaged: train the project again")
        return {"onnx": str(path.absolute()), "card": model.card, "model_id": str(model.id), "version": model.version}

    def _save(self, file_id: ObjectId, path: Path) -> str | None:
        with suppress(NotFound):
            return self._persist(lambda: self._store.artifacts.save(file_id, path))
        return None

    def _spec(self, job: Job, checkpoint: Path | None) -> dict[str, Any]:
        return {
            "checkpoint": str(checkpoint) if checkpoint else None,
            "checkpoint_seconds": self._settings.checkpoint_seconds,
            "stop_seconds": self._settings.stop_seconds,
            "niceness": self._settings.training_niceness,
            "task": QUANTIZE if job.quantizes else LOAD if job.loads else TRAIN,
            "project_type": job.project_type,
            "device": self._device.kind.value,
            "params": job.params,
            "weights_path": str(self._settings.weights_path.absolute()),
            "download_weights": self._settings.download_weights,
            "yolo_model": self._settings.yolo_model,
        }

    def _follow(self, job: Job, process: TrainingProcess, progress: Progress, heart: Heart, keeper: Keeper) -> int:
        """Wait for the end of the process; end it when the job is cancelled, lost, too long, or the worker stops."""
        deadline = time.monotonic() + self._settings.job_hours * 3600 - job.seconds_spent
        watch, stop_by = Watch(self._limits, process.folder, process.tree, TRAINERS[job.project_type].LIGHTER), math.inf
        while True:
            status = process.wait(_LOOK_SECONDS)
            if status is not None:
                return status
            if heart.lost.is_set():
                process.kill()
                raise _Ended
            if heart.cancelled.is_set():
                process.kill()
                self._persist(lambda: self._store.job_runs.end_cancelled(job))
                raise _Ended
            if self._stop.is_set():
                process.kill()
                keeper.flush(_FLUSH_SECONDS)
                self._persist(lambda: self._store.job_runs.release(job, _STOPPED, BrokenOff.STOPPED))
                raise _Ended
            if time.monotonic() > deadline:
                process.kill()
                raise self._failed(job, f"the training took longer than the {self._settings.job_hours:g} h allowed")
            if heart.stopping.is_set() and stop_by == math.inf:
                stop_by = time.monotonic() + self._settings.stop_seconds - self._settings.heartbeat_seconds
                progress.log("asked to stop early and keep the best so far")
                process.ask_to_stop()
            if time.monotonic() > stop_by:
                process.kill()
                self._persist(lambda: self._store.job_runs.end_cancelled(job, self._no_time()))
                raise _Ended
            if excess := watch.excess():
                return process.kill_for(excess)

    def _no_time(self) -> str:
        seconds = self._settings.stop_seconds
        return f"stopped early, but {seconds:g} s (DIYML_STOP_SECONDS) were too short to make a model: none is kept"

    def _broken_off(
        self, job: Job, status: int, process: TrainingProcess, progress: Progress, heart: Heart, keeper: Keeper
    ) -> _Ended:
        """Record why the process ended without a model; a process that was killed is tried again."""
        for line in process.last_lines():
            progress.log(line)
        self._persist(heart.beat)
        if status == EXIT_FAILED and process.failure:
            return self._failed(job, process.failure)
        reason, cause = process.excess or exit_reason(status, TRAINERS[job.project_type].LIGHTER), BrokenOff.CRASHED
        # A machine that goes down ends every process at once, and this one may be seen before our own signal.
        if self._stop.wait(_SIGTERM_SECONDS if status == -signal.SIGTERM else 0):
            reason, cause = _STOPPED, BrokenOff.STOPPED
        logger.warning("job %s: %s", job.id, reason)
        keeper.flush(_FLUSH_SECONDS)
        self._persist(lambda: self._store.job_runs.release(job, reason, cause))
        return _Ended()

    def _finish(self, job: Job, result: dict[str, Any], progress: Progress, heart: Heart) -> None:
        """Files first, then the model that names them, then the job's one end, then the project's pointer."""
        card = result["card"]
        scores = {name: value for name, value in card["metrics"].items() if isinstance(value, (int, float))}
        progress.note(metrics=scores, pretrained=card["pretrained"])
        self._persist(heart.beat)
        model = self._persist(lambda: self._store_model(job, result))
        stopped_after = (card["stopped_early"] or {}).get("after_epoch")
        if not self._persist(lambda: self._store.job_runs.succeed(job, model.id, stopped_after)):
            self._persist(lambda: self._store.models.delete(model.id))
            self._persist(lambda: self._store.job_runs.end_cancelled(job))
            raise _Ended
        self._persist(lambda: hand_over(self._store, job, model))
        logger.info("job %s: succeeded with model version %d", job.id, model.version)

    def _store_model(self, job: Job, result: dict[str, Any]) -> Model:
        paths = {_SERVED: Path(result["onnx"])}
        if result["weights"]:
            paths["weights.pt"] = Path(result["weights"])
        paths.update({Path(artifact).name: Path(artifact) for artifact in result["artifacts"]})
        files = {}
        for name, path in paths.items():
            with path.open("rb") as source:
                files[name] = self._store.artifacts.put(source, name)
        return self._store.models.create(job.project_id, job.id, self._card(job, result["card"]), files)

    def _card(self, job: Job, card: dict[str, Any]) -> dict[str, Any]:
        """The card, with the number of the dataset's version where one holds exactly these data."""
        digest = card["dataset"].get("digest")
        same = self._store.versions.of_digest(job.project_id, [digest]) if digest else {}
        version = job.dataset_version or same.get(digest)
        return card if version is None else {**card, "dataset": {**card["dataset"], "version": version}}

    def _failed(self, job: Job, reason: str) -> _Ended:
        """Record the reason; gives what to raise."""
        logger.info("job %s: failed: %s", job.id, reason)
        self._persist(lambda: self._store.job_runs.fail(job, reason))
        return _Ended()

    def _persist(self, write: Callable[[], T]) -> T:
        """Repeat a step until the database answers, or the worker must end."""
        while True:
            try:
                return write()
            except Unavailable as error:
                logger.warning("%s", error)
                if self._stop.wait(1):
                    raise _Ended from error
