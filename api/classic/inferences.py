"""`/inference`: predictions of published projects."""

from __future__ import annotations

from typing import Any

from api.classic.representation import predictions
from api.classic.schemas import Inference, InferenceQuery
from api.predicting import PredictingResource
from datasets.registry import IMAGES


class Inferences(PredictingResource):
    """Results of inferences."""

    KIND = IMAGES

    def post(self) -> dict[str, Any]:
        """Predict an image with somebody's published project; the result is kept under the id that is given."""
        wish = self.parse(Inference)
        store = self.services.store
        project = self.published(wish.project_name)
        found = self.services.engine.predict(project.served_model_id, wish.image_data, str(self.user.id))
        inference_id = store.inferences.create(project.id, self.user.id, predictions(found))
        return {"RequestResult": "Inference is done for this image.", "inference_mapping": inference_id}

    def get(self) -> list[Any]:
        """The predictions; whoever has the id may read them, as often as wanted until they expire."""
        return self.services.store.inferences.get(self.parse(InferenceQuery).inference_mapping)
