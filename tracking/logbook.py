"""Logs one ended job to MLflow, as often as it takes: what is there already is found, and not made again."""

from __future__ import annotations

import hashlib
import json
import tempfile
from contextlib import suppress
from pathlib import Path
from typing import Any

from storage.job import Job
from storage.job_tracking import JobTracking
from storage.models import Model
from storage.projects import Project
from storage.store import Store
from tracking import package, words
from tracking.artifacts import Artifacts, artifacts_of
from tracking.errors import MlflowRefused
from tracking.rest import Rest
from utils import NotFound

_PICTURES = "pictures"
_METRICS_AT_ONCE, _PARAMS_AT_ONCE = 500, 100
_THERE = "RESOURCE_ALREADY_EXISTS"


class Logbook:
    """Writes runs, their files and registered models."""

    def __init__(self, store: Store, rest: Rest, work: Path):
        self._store = store
        self._rest = rest
        self._work = work
        self._tracking: JobTracking = store.job_tracking

    def log(self, job: Job, project: Project, owner: str) -> None:
        """Bring all of a job there; the run's status comes last, so a run that has ended is whole.

        Raises:
            MlflowAway: try later. `MlflowRefused`: it will not have it.
        """
        run = self._run(job, project, owner)
        run_id = run["info"]["run_id"]
        url = f"{self._rest.url}/#/experiments/{run['info']['experiment_id']}/runs/{run_id}"
        self._tracking.note(job, run_id, url)
        model = self._model(job)
        self._log_values(run_id, job, model.card if model else {})
        if model:
            self._log_model(run, model, words.registered_name(owner, project.name))
        ended = words.milliseconds(job.finished_at or job.created_at)
        self._rest.post("runs/update", run_id=run_id, status=words.STATUS[job.state], end_time=ended)

    def _model(self, job: Job) -> Model | None:
        with suppress(NotFound):  # deleted since
            return self._store.models.get(job.model_id) if job.model_id else None
        return None

    def _run(self, job: Job, project: Project, owner: str) -> dict[str, Any]:
        """The run of this job; whoever made it and was killed left it to be found by its tag."""
        if noted := (job.tracking or {}).get("run_id"):
            with suppress(NotFound):  # deleted for good
                return dict(self._rest.get("runs/get", run_id=noted)["run"])
        experiment_id = self._experiment(words.experiment_name(owner, project.name), job)
        query = f"tags.`{words.JOB}` = '{job.id}'"
        found = self._rest.post("runs/search", experiment_ids=[experiment_id], filter=query, max_results=1)
        if runs := found.get("runs"):
            return dict(runs[0])
        tags, began = words.tags_of_job(job, owner, project.name), job.started_at or job.created_at
        made = self._rest.post(
            "runs/create", experiment_id=experiment_id, start_time=words.milliseconds(began), tags=tags
        )
        return dict(made["run"])

    def _experiment(self, name: str, job: Job) -> str:
        with suppress(NotFound):
            return self._experiment_named(name)
        try:
            tags = [{"key": words.PROJECT, "value": str(job.project_id)}]
            return str(self._rest.post("experiments/create", name=name, tags=tags)["experiment_id"])
        except MlflowRefused as refused:
            if _THERE in refused.detail:  # another worker made it just now
                return self._experiment_named(name)
            raise

    def _experiment_named(self, name: str) -> str:
        found = self._rest.get("experiments/get-by-name", experiment_name=name)["experiment"]
        if found.get("lifecycle_stage") == "deleted":
            raise MlflowRefused(f"the experiment '{name}' was deleted in MLflow: restore it there")
        return str(found["experiment_id"])

    def _log_values(self, run_id: str, job: Job, card: dict[str, Any]) -> None:
        for params in words.batches(words.params_of(job, card), _PARAMS_AT_ONCE):
            self._rest.post("runs/log-batch", run_id=run_id, params=params)
        for metrics in words.batches(words.metrics_of(job, card), _METRICS_AT_ONCE):
            self._rest.post("runs/log-batch", run_id=run_id, metrics=metrics)

    def _log_model(self, run: dict[str, Any], model: Model, name: str) -> None:
        run_id, root = run["info"]["run_id"], run["info"]["artifact_uri"]
        artifacts = artifacts_of(self._rest, root)
        self._work.mkdir(parents=True, exist_ok=True)
        with tempfile.TemporaryDirectory(dir=self._work) as folder:
            tags = self._log_files(artifacts, Path(folder), run_id, model)
        self._rest.post("runs/log-batch", run_id=run_id, tags=tags)
        version = self._registered(name, f"{root}/{package.FOLDER}", run_id, model, tags)
        self._store.job_tracking.register(model.id, name, version)

    def _log_files(self, artifacts: Artifacts, folder: Path, run_id: str, model: Model) -> list[dict[str, str]]:
        """Bring pictures, card and model there; gives the tags that name their hashes."""
        there = {**artifacts.sizes(package.FOLDER), **artifacts.sizes(_PICTURES)}
        (folder / package.FOLDER).mkdir()
        onnx_path = folder / package.ONNX
        for name, file in model.files.items():
            is_model = name == package.ONNX_FILE
            path = package.ONNX if is_model else f"{_PICTURES}/{name}"
            if not is_model and Path(name).suffix not in (".png", ".jpg", ".jpeg", ".json", ".csv"):
                continue  # native weights, which may be a pickle
            local = onnx_path if is_model else folder / name
            if self._store.artifacts.save(file.file_id, local) != file.sha256:
                raise MlflowRefused(f"the stored file '{name}' of model version {model.version} is damaged")
            if there.get(path) != file.size:
                artifacts.put(path, local)
        card = json.dumps(model.card, ensure_ascii=False, sort_keys=True, indent=1).encode()
        (folder / package.CARD).write_bytes(card)
        artifacts.put(package.CARD, folder / package.CARD)
        package.write_package(folder / package.FOLDER, onnx_path, run_id, model.card)
        for beside in sorted((folder / package.FOLDER).iterdir()):
            if beside != onnx_path:
                artifacts.put(f"{package.FOLDER}/{beside.name}", beside)
        return words.tags_of_model(model, model.files[package.ONNX_FILE].sha256, hashlib.sha256(card).hexdigest())

    def _registered(self, name: str, source: str, run_id: str, model: Model, tags: list[dict[str, str]]) -> str:
        """The number that the model has in the registry."""
        found = self._rest.get("model-versions/search", filter=f"run_id = '{run_id}'", max_results=10)
        for version in found.get("model_versions", []):
            if version["name"] == name:
                return str(version["version"])
        try:
            self._rest.post("registered-models/create", name=name)
        except MlflowRefused as refused:
            if _THERE not in refused.detail:
                raise
        words_of = f"Version {model.version} of the project in DIYML"
        made = self._rest.post(
            "model-versions/create", name=name, source=source, run_id=run_id, tags=tags, description=words_of
        )
        return str(made["model_version"]["version"])
