"""`/api/v1/projects/<project>/label-review`: images whose labels held-out predictions find implausible."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from api.operation import operation
from api.pagination import part, plain_id
from api.v1.located import ProjectResource
from api.v1.quality_answers import ReviewShown
from api.v1.schemas import PageQuery
from datasets.capture import capture
from datasets.judgements import Found
from datasets.registry import IMAGES
from datasets.review import Suspect
from datasets.snapshot import Annotation
from storage.order import Order
from training.judging import review

_WORST_FIRST = Order("score", descending=True)


class LabelReview(ProjectResource):
    """Doubtful labels of a project."""

    KIND = IMAGES

    @operation(takes=PageQuery, gives=ReviewShown, errors=(404,))
    def get(self, query: PageQuery) -> dict[str, Any]:
        """List the images, the most implausible first, over the validation parts of the newest trainings."""
        store = self.services.store
        found, job_ids = review(store, self.project.id, capture(store, self.project))

        def show(suspect: Suspect) -> dict[str, Any]:
            return {**_shown(suspect), "job_id": str(job_ids[suspect.source])}

        page = part(
            found, query, show, lambda suspect: (suspect.doubt.score, plain_id(suspect.image.image_id)), _WORST_FIRST
        )
        return {**page, "trainings": len(job_ids)}


def _shown(suspect: Suspect) -> dict[str, Any]:
    doubt, classes = suspect.doubt, suspect.judgements.classes
    return {
        "image": {"id": suspect.image.image_id, "name": suspect.image.name},
        "given": label_shown(doubt.given, classes) if doubt.given else None,
        "predicted": prediction_shown(doubt.predicted, classes) if doubt.predicted else None,
        "confidence": doubt.confidence,
        "score": doubt.score,
        "reason": doubt.reason,
        "doubts": doubt.doubts,
    }


def label_shown(label: Annotation | Found, classes: Sequence[str]) -> dict[str, Any]:
    """A label."""
    return {"class": classes[label.class_index], "box": list(label.box) if label.box else None}


def prediction_shown(found: Found, classes: Sequence[str]) -> dict[str, Any]:
    """A prediction."""
    return {**label_shown(found, classes), "confidence": found.confidence}
