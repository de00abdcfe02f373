"""How `/api/v1` shows things."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

from api.classic.representation import training
from storage.attempts import Attempt
from storage.job import Job
from storage.job_queue import Place
from storage.models import Model
from utils import utc_now


def job_in_list(job: Job, project_name: str | None) -> dict[str, Any]:
    """A training without its log and metrics of every epoch."""
    return {
        **(training(job) or {}),
        "project_name": project_name,
        "params": job.params,
        "attempt": job.attempt,
        "created_at": job.created_at.isoformat(),
        "started_at": job.started_at.isoformat() if job.started_at else None,
        "finished_at": job.finished_at.isoformat() if job.finished_at else None,
        "cancel_requested": job.cancel_requested,
        "stop_requested": job.stop_requested,
        "stopped_after_epoch": job.stopped_after_epoch,
        "model_url": model_url(job),
    }


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


def model_url(job: Job) -> str | None:
    """The resource of the model that came of a training."""
    return f"/api/v1/models/{job.model_id}" if job.model_id else None


def queue_place(place: Place) -> dict[str, Any]:
    """A place in the queue; the start is an estimate, null when it cannot be known."""
    seconds = place.starts_in_seconds
    start = None if seconds is None else (utc_now() + timedelta(seconds=seconds)).isoformat(timespec="seconds")
    return {"position": place.position, "expected_start": start}


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
