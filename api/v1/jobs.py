"""`/api/v1/jobs`: trainings, for their owners."""

from __future__ import annotations

from typing import Any

from api.classic.representation import training
from api.resource import PlatformResource
from storage.database import object_id
from storage.jobs import Job
from utils import NotFound


class _OwnJob(PlatformResource):
    def _owned(self, job_id: str) -> Job:
        job = self.services.store.jobs.get(object_id(job_id, "job"))
        if job.owner_id != self.user.id:
            raise NotFound(f"there is no job '{job_id}'")
        return job


class JobItem(_OwnJob):
    """One training."""

    def get(self, job_id: str) -> dict[str, Any]:
        """State, metrics of every epoch, and the last lines of the log."""
        return _shown(self._owned(job_id))


class JobCancel(_OwnJob):
    """The end of a training before its time."""

    def post(self, job_id: str) -> dict[str, Any]:
        """Cancel; an ended job stays as it is."""
        job = self._owned(job_id)
        self.services.store.jobs.cancel(job.id)
        return _shown(self.services.store.jobs.get(job.id))


def _shown(job: Job) -> dict[str, Any]:
    return {
        **(training(job) or {}),
        "params": job.params,
        "attempt": job.attempt,
        "created_at": job.created_at.isoformat(),
        "started_at": job.started_at.isoformat() if job.started_at else None,
        "finished_at": job.finished_at.isoformat() if job.finished_at else None,
        "cancel_requested": job.cancel_requested,
        "model_url": f"/api/v1/models/{job.model_id}" if job.model_id else None,
        "history": list(job.history),
        "log": list(job.log),
    }
