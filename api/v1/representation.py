"""How `/api/v1` shows things."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

from api.classic.representation import training
from inference.answers import Answer
from inference.protocol import FLOAT32, Prediction
from storage.attempts import Attempt
from storage.device import DeviceKind
from storage.job import Job
from storage.job_queue import Place
from storage.models import Model
from storage.projects import Project
from storage.workers import Worker
from utils import utc_now


def job_in_list(job: Job, project_name: str | None) -> dict[str, Any]:
    """A training without its log and metrics of every epoch."""
    return {
        **(training(job) or {}),
        "project_name": project_name,
        "params": job.params,
        "device": job.device.value,
        "ran_on": {"kind": job.ran_on.kind.value, "name": job.ran_on.name} if job.ran_on else None,
        "attempt": job.attempt,
        "created_at": job.created_at.isoformat(),
        "started_at": job.started_at.isoformat() if job.started_at else None,
        "finished_at": job.finished_at.isoformat() if job.finished_at else None,
        "cancel_requested": job.cancel_requested,
        "stop_requested": job.stop_requested,
        "stopped_after_epoch": job.stopped_after_epoch,
        "model_url": model_url(job),
        "repeats": str(job.repeats) if job.repeats else None,
        "quantizes": str(job.quantizes) if job.quantizes else None,
        "loads": job.loads["reference"] if job.loads else None,
        "tracking": tracking_of(job),
        "record_url": f"{job_url(job)}/record",
        "started_by": job.started_by,
        "dataset": dataset_of(job),
        "experiment": _experiment(job),
    }


def tracking_of(job: Job) -> dict[str, Any] | None:
    """What MLflow has of a job; None as long as nobody has tried to tell it."""
    tracking = job.tracking
    return tracking and {name: tracking.get(name) for name in ("state", "run_id", "url", "error")}


def dataset_of(job: Job) -> dict[str, Any] | None:
    """Which data a job is about; None of one that has not read the project's yet."""
    if job.dataset is None and job.dataset_version is None:
        return None
    return {"digest": job.dataset.digest if job.dataset else None, "version": job.dataset_version}


def _experiment(job: Job) -> dict[str, Any] | None:
    sent = job.experiment
    if sent is None:
        return None
    return {"name": sent.name, "sha256": sent.sha256, "source": sent.source, "url": f"{job_url(job)}/experiment"}


def whole_job(job: Job, project_name: str | None, place: Place | None) -> dict[str, Any]:
    """A training with everything; `place` while it is queued."""
    queue = queue_place(place) if place else None
    shown = {**job_in_list(job, project_name), "attempts": [_attempt(attempt) for attempt in job.attempts]}
    return {**shown, "queue": queue, "history": list(job.history), "log": list(job.log)}


def _attempt(attempt: Attempt) -> dict[str, Any]:
    """One try; which machine it ran on is the operator's business."""
    return {
        "attempt": attempt.attempt,
        "started_at": attempt.started_at.isoformat(),
        "ended_at": attempt.ended_at.isoformat() if attempt.ended_at else None,
        "ended_by": attempt.ended_by,
        "resumed_from_epoch": attempt.resumed_from_epoch,
        "epoch": attempt.epoch,
    }


def job_url(job: Job) -> str:
    """The resource of a training."""
    return f"/api/v1/jobs/{job.id}"


def model_url(job: Job) -> str | None:
    """The resource of the model that came of a training."""
    return f"/api/v1/models/{job.model_id}" if job.model_id else None


def queue_place(place: Place) -> dict[str, Any]:
    """A place in the queue; the start is an estimate, null when it cannot be known."""
    seconds = place.starts_in_seconds
    start = None if seconds is None else (utc_now() + timedelta(seconds=seconds)).isoformat(timespec="seconds")
    return {"position": place.position, "expected_start": start, "reason": place.reason}


def devices(workers: list[Worker]) -> list[dict[str, Any]]:
    """What workers have to train on, by kind; on which machines is the operator's business."""
    there = [item for worker in workers for item in worker.devices]
    shown = []
    for kind in DeviceKind:
        ours = [item for item in there if item.device.kind is kind]
        free = sum(item.job_id is None for item in ours)
        names = sorted({item.device.name for item in ours})
        shown.append({"kind": kind.value, "count": len(ours), "free": free, "names": names})
    return shown


def precision_of(model: Model) -> dict[str, Any]:
    """What a model computes with, and what int8 cost it; null of a model in float32."""
    return {"precision": model.card.get("precision", FLOAT32), "quantization": model.card.get("quantization")}


def model_in_list(model: Model, project: Project) -> dict[str, Any]:
    """A model without its card."""
    serving = model.id == project.model_id
    dataset = model.card.get("dataset") or {}
    return {
        "id": str(model.id),
        "version": model.version,
        "created_at": model.created_at.isoformat(),
        "job_id": str(model.job_id),
        **precision_of(model),
        "metrics": model.card.get("metrics") or {},
        "metrics_on": model.card.get("metrics_on"),
        "dataset": {"digest": dataset.get("digest"), "version": dataset.get("version")},
        "serving": serving,
        "published": serving and project.is_published,
        "pinned": model.version == project.publication.version,
        "registered": model.registered,
        "files": model_files(model),
        "url": f"/api/v1/models/{model.id}",
        "card_url": card_url(model),
    }


def card_url(model: Model) -> str:
    """Where the card alone is."""
    return f"/api/v1/models/{model.id}/card"


def model_files(model: Model) -> list[dict[str, Any]]:
    """The files of a model."""
    return [
        {
            "name": file.name,
            "size": file.size,
            "sha256": file.sha256,
            "url": f"/api/v1/models/{model.id}/files/{file.name}",
        }
        for file in model.files.values()
    ]


def answer_of(project: Project, answer: Answer) -> dict[str, Any]:
    """Predictions of a request, with the model that gave them and the time it took."""
    return {
        "project": project.name,
        "project_type": project.type,
        "model": {"id": str(project.model_id), "version": project.model_version},
        **_predicted(answer),
        "timing_ms": {stage: round(seconds * 1000, 2) for stage, seconds in answer.seconds.items()},
    }


def _predicted(answer: Answer) -> dict[str, Any]:
    if answer.rows:
        [rows] = answer.rows
        return {"predictions": rows.predictions, "warnings": rows.warnings}
    results = [
        {"width": image.width, "height": image.height, "predictions": list(map(_prediction, image.predictions))}
        for image in answer.images
    ]
    return {"results": results}


def _prediction(prediction: Prediction) -> dict[str, Any]:
    box = dict(zip(("x1", "y1", "x2", "y2"), prediction.box_px, strict=True))
    return {"class": prediction.class_name, "confidence": prediction.confidence, "box": box}
