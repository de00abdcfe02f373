"""What a training was made from and in, and doing it again."""

from __future__ import annotations

from typing import Any

from flask import Response

from api.operation import Content, operation
from api.v1.job_answers import JobRecordShown, WholeJob
from api.v1.jobs import ShowsJob
from api.v1.located import JobResource
from api.v1.representation import job_url, precision_of
from datasets.gzipped import gunzipped
from datasets.registry import KINDS
from storage.job import Job
from storage.models import Model
from training.difference import difference_of, model_of
from training.repetition import repeat
from utils import NotFound

_CARD = (
    "architecture", "params", "pretrained", "pretrained_sha256", "determinism", "metrics", "metrics_on"
)  # fmt: skip


class JobRecord(JobResource):
    """The record of a training."""

    @operation(gives=JobRecordShown)
    def get(self) -> dict[str, Any]:
        """Data, seed, params, code, libraries and device; null for what is not known yet."""
        job, store = self.job, self.services.store
        model = model_of(store, job)
        return {
            "job_id": str(job.id),
            "repeats": str(job.repeats) if job.repeats else None,
            "quantizes": str(job.quantizes) if job.quantizes else None,
            "project_type": job.project_type,
            "params": job.params,
            "seed": job.params.get("seed"),
            "dataset": _dataset(job),
            "environment": job.environment,
            "model": _model(model) if model else None,
            "difference": difference_of(store, job),
        }


class JobRecordDataset(JobResource):
    """The data of a training."""

    @operation(gives=Content("application/json"), headers={"ETag": "SHA-256 of the record"})
    def get(self) -> Response:
        """Classes, and every image with its hash, labels and part of the split."""
        job = self.job
        if job.dataset is None:
            raise NotFound(f"the data of the job '{job.id}' are not recorded: it has not got so far")
        content = self.services.store.artifacts.stream(job.dataset.file_id)
        return Response(gunzipped(content), mimetype="application/json", headers={"ETag": f'"{job.dataset.sha256}"'})


class JobRepeat(ShowsJob):
    """The same training once more."""

    @operation(gives=WholeJob, status=202, errors=(409, 429), headers={"Location": "the job"})
    def post(self) -> tuple[dict[str, Any], dict[str, str]]:
        """Queue it; its record tells the difference when it has ended."""
        store = self.services.store
        job = repeat(store, self.services.queue, self.job, self.request_key, self.user.username)
        return self.shown(job), {"Location": job_url(job)}


def _dataset(job: Job) -> dict[str, Any] | None:
    record = job.dataset
    if record is None:
        return None
    fields = ("digest", "train_images", "val_images")
    counted = {"unit": KINDS[job.project_type].unit, "trained_on": record.train_images, "held_back": record.val_images}
    return {**{name: getattr(record, name) for name in fields}, **counted, "url": f"{job_url(job)}/record/dataset"}


def _model(model: Model) -> dict[str, Any]:
    files = {file.name: file.sha256 for file in model.files.values()}
    of_card = {name: model.card.get(name) for name in _CARD}
    return {"version": model.version, **of_card, **precision_of(model), "files": files}
