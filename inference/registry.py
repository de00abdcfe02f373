"""Which predictor serves which project type. A new type is one line here."""

from __future__ import annotations

from typing import Any

from inference.anomaly.predictor import AnomalyPredictor
from inference.classification import ClassificationPredictor
from inference.detection import DetectionPredictor
from inference.protocol import ModelCard, Predictor
from inference.tabular.predictor import TabularPredictor
from inference.vision import VisionPredictor

PREDICTORS: dict[str, type[Predictor]] = {
    "anomaly": AnomalyPredictor,
    "classification": ClassificationPredictor,
    "detection": DetectionPredictor,
    "tabular": TabularPredictor,
}


def vision_predictor(session: Any, card: ModelCard) -> VisionPredictor:
    """The predictor of a model of images, for whoever hands it images that are decoded already."""
    predictor = PREDICTORS[card.project_type](session, card)
    if not isinstance(predictor, VisionPredictor):
        raise TypeError(f"{card.project_type} models take no images")
    return predictor
