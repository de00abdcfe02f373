"""`/api/v1/projects/<project>/readiness`: whether a project may be trained, and what to look at before."""

from __future__ import annotations

from dataclasses import asdict
from typing import Any

from api.operation import operation
from api.v1.located import ProjectResource
from api.v1.quality_answers import ReadinessShown
from datasets.registry import KINDS
from training.readiness import readiness


class ProjectReadiness(ProjectResource):
    """How ready a project is."""

    @operation(gives=ReadinessShown, errors=(404,))
    def get(self) -> dict[str, Any]:
        """Reasons keep a training from starting; warnings do not."""
        found = readiness(KINDS[self.project.type].capture(self.services.store, self.project), self.project)
        reasons, warnings = (list(map(asdict, findings)) for findings in (found.reasons, found.warnings))
        return {"ready": found.ready, "reasons": reasons, "warnings": warnings}
