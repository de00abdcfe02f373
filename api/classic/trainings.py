"""`/train`: start a training."""

from __future__ import annotations

from typing import Any

from api.classic.schemas import Training
from api.resource import PlatformResource
from training.registry import TRAINERS
from training.submission import submit


class Trainings(PlatformResource):
    """A training in the background."""

    def put(self) -> dict[str, Any]:
        """Queue a training; the project object tells how it goes."""
        wish = self.parse(Training)
        project = self.project_named(wish.project_name)
        params = wish.model_dump(exclude={"project_name", "device"}, exclude_none=True)
        if "epochs" not in TRAINERS[project.type].Params.model_fields:
            del params["epochs"]  # clients of this contract must send them, also where there are none to choose
        store, queue, by = self.services.store, self.services.queue, self.user.username
        job = submit(store, queue, project, params, wish.device, self.request_key, by)
        return {"RequestResult": "Training has began for this project.", "job_id": str(job.id)}
