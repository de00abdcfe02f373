"""How the classic contract shows things."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from inference.protocol import Prediction
from storage.job import Job
from storage.projects import Project

NOTHING_DETECTED = "Nothing Detected in Image"


def listed_project(project: Project) -> dict[str, Any]:
    """A project as anybody may see it in a list."""
    return {
        "_id": None,
        "uid": None,
        "project_name": project.name,
        "project_type": project.type,
        "is_published": str(project.is_published),
        "classes": list(project.classes),
        "dids": [],
        "current_url": f"/api/v1/models/{project.model_id}" if project.model_id else "NONE",
    }


def owned_project(project: Project, job: Job | None, image_ids: Iterable[object]) -> dict[str, Any]:
    """A project as its owner sees it."""
    return {
        **listed_project(project),
        "_id": str(project.id),
        "uid": str(project.owner_id),
        "dids": [str(image_id) for image_id in image_ids],
        "training": training(job),
    }


def training(job: Job | None) -> dict[str, Any] | None:
    """The newest training of a project; None when there was none."""
    if job is None:
        return None
    return {
        "job_id": str(job.id),
        "state": job.state.value,
        "epoch": job.epoch,
        "epochs": job.epochs,
        "progress": job.progress,
        "eta_seconds": job.eta_seconds,
        "metrics": job.metrics,
        "error": job.error,
        "pretrained": job.pretrained,
    }


def predictions(found: list[Prediction]) -> list[Any]:
    """Predictions as the contract lists them."""
    if not found:
        return [NOTHING_DETECTED]
    return [
        {"coords": list(item.box_px), "classification": item.class_name, "confidence": item.confidence}
        for item in found
    ]
