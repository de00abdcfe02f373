"""Which predictor serves which project type. A new type is one line here."""

from __future__ import annotations

from inference.classification import ClassificationPredictor
from inference.detection import DetectionPredictor
from inference.protocol import Predictor
from inference.tabular.predictor import TabularPredictor

PREDICTORS: dict[str, type[Predictor]] = {
    "classification": ClassificationPredictor,
    "detection": DetectionPredictor,
    "tabular": TabularPredictor,
}
