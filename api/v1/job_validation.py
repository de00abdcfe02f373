"""`/api/v1/jobs/<job_id>/validation`: what the model of a training said of each image that was held back."""

from __future__ import annotations

from typing import Any

from api.operation import operation
from api.pagination import part, plain_id
from api.v1.label_reviews import label_shown, prediction_shown
from api.v1.located import JobResource
from api.v1.quality_answers import ValidationQuery, ValidationShown, ValidationSort
from datasets.judgements import Judged
from datasets.registry import IMAGES
from storage.order import Order
from training.judging import judgements_of

_ORDERS = {
    ValidationSort.WORST: Order("score", descending=True),
    ValidationSort.BEST: Order("score"),
    ValidationSort.NAME: Order("name"),
}


class JobValidation(JobResource):
    """The validation part of a training, image by image."""

    KIND = IMAGES

    @operation(takes=ValidationQuery, gives=ValidationShown, errors=(404,))
    def get(self, query: ValidationQuery) -> dict[str, Any]:
        """List the images with their labels and predictions, once the training has succeeded."""
        told, order = judgements_of(self.services.store, self.job), _ORDERS[query.sort]

        def show(image: Judged) -> dict[str, Any]:
            return {
                "name": image.name,
                "sha256": image.sha256,
                "score": image.score,
                "labels": [label_shown(label, told.classes) for label in image.labels],
                "predictions": [prediction_shown(found, told.classes) for found in image.predictions],
            }

        page = part(told.images, query, show, lambda image: (getattr(image, order.field), plain_id(image.key)), order)
        return {**page, "held_back": told.held_back, "judged": told.judged}
