"""`/train`: start a training."""

from __future__ import annotations

from typing import Any

from api.classic.schemas import Training
from api.resource import PlatformResource
from training.submission import submit


class Trainings(PlatformResource):
    """A training in the background."""

    def put(self) -> dict[str, Any]:
        """Queue a training; the project object tells how it goes."""
        wish = self.parse(Training)
        project = self.project_named(wish.project_name)
        params = wish.model_dump(exclude={"project_name", "device"}, exclude_none=True)
        store, queue, by = self.services.store, self.services.queue, self.user.username
        job = submit(store, queue, project, params, wish.device, self.request_key, by)
        return {"RequestResult": "Training has began for this project.", "job_id": str(job.id)}
