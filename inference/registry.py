"""Which predictor serves which project type. A new type is one line here."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from inference.classification import ClassificationPredictor
from inference.detection import DetectionPredictor
from inference.protocol import ModelCard, Predictor

PREDICTORS: dict[str, Callable[[Any, ModelCard], Predictor]] = {
    "classification": ClassificationPredictor,
    "detection": DetectionPredictor,
}
