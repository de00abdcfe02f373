"""`/api/v1/projects/<project>/analysis`: what a project's data are like."""

from __future__ import annotations

from typing import Annotated, Any

from pydantic import Field

from api.operation import Shown, operation
from api.v1.located import ProjectResource
from datasets.capture import capture
from datasets.registry import IMAGES
from datasets.statistics import describe
from training.readiness import missing


class Named(Shown):
    """How many, and the first of their names."""

    count: int
    names: list[str]


class AnalysisShown(Shown):
    """Statistics of a project; sizes in pixels of the EXIF-turned images."""

    image_count: int
    annotation_count: int
    images_per_class: dict[str, int]
    annotations_per_class: dict[str, int]
    images_without_label: Named
    image_sizes: dict[str, Any]
    box_sizes: dict[str, Any]
    class_imbalance: Annotated[
        float | None, Field(description="Images of the most common class over those of the rarest.")
    ]
    exact_duplicates: Annotated[list[list[str]], Field(description="Names whose files are the same byte for byte.")]
    annotations_of_removed_classes: dict[str, int]
    missing_for_training: list[str]


class Analysis(ProjectResource):
    """Statistics of a project."""

    KIND = IMAGES

    @operation(gives=AnalysisShown)
    def get(self) -> dict[str, Any]:
        """Counts, sizes, imbalance, duplicates, and what is missing before training may start."""
        snapshot = capture(self.services.store, self.project)
        return {**describe(snapshot), "missing_for_training": [lack.message for lack in missing(snapshot)]}
