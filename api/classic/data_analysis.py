"""`/data_analysis`: what a project holds, and what it lacks."""

from __future__ import annotations

from typing import Any

from api.classic.schemas import ProjectQuery
from api.resource import PlatformResource
from datasets.capture import read, snapshot_of
from datasets.registry import IMAGES, LABEL_FORMATS
from datasets.statistics import describe
from training.readiness import missing


class DataAnalysis(PlatformResource):
    """Statistics of a project."""

    KIND = IMAGES

    def reads(self) -> bool:
        """Always."""
        return True

    def post(self) -> dict[str, Any]:
        """Every data point with its labels, statistics, and what is missing before training may start."""
        store = self.services.store
        project, images = read(store, self.project_named(self.parse(ProjectQuery).project_name))
        write = LABEL_FORMATS[project.type].write
        snapshot = snapshot_of(project, images)
        return {
            "project_name": project.name,
            "project_type": project.type,
            "is_published": str(project.is_published),
            "classes": list(project.classes),
            "data_points": [{"name": image.name, "labels": write(image.annotations, project)} for image in images],
            **describe(snapshot),
            "missing_for_training": [lack.message for lack in missing(snapshot)],
        }
