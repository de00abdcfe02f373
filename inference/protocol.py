"""What a predictor is, and the card that tells it everything about its model."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Protocol

import numpy as np
from pydantic import BaseModel, ConfigDict


class ModelCard(BaseModel):
    """Everything about a model that its ONNX file does not say.

    Attributes:
        image_size: side of the square input, px (for detection: the longer side, see `preprocessing`).
        preprocessing: exact steps, for a reader and for the predictor of the project type.
        metrics: of the exported model's native twin on the validation part; fractions 0 to 1.
        export_difference: the largest absolute difference between a metric of the export and of the native model.
        metrics_on: "validation images", or "training images" when there were too few to hold any back; with "200 of
            5,000" before it when there was no time for all, since the training was stopped early.
        stopped_early: `after_epoch` and `of_epochs`; none when the training was not asked to stop.
        dataset: snapshot digest, number of images on each side, seed, train fraction.
    """

    model_config = ConfigDict(extra="forbid")

    card_version: int = 1
    project_type: str
    architecture: str
    classes: list[str]
    image_size: int
    preprocessing: dict[str, Any]
    metrics: dict[str, Any]
    metrics_on: str
    export_difference: float
    dataset: dict[str, Any]
    params: dict[str, Any]
    pretrained: bool
    device: str
    libraries: dict[str, str]
    licence: str
    onnx_sha256: str
    duration_seconds: float
    stopped_early: dict[str, int] | None = None


@dataclass(frozen=True)
class Prediction:
    """One object found, or one class of the whole image.

    Attributes:
        box_px: x1, y1, x2, y2 in pixels of the EXIF-turned image.
        confidence: 0 to 1.
    """

    box_px: tuple[float, float, float, float]
    class_name: str
    confidence: float


class Predictor(Protocol):
    """One model, ready to predict; safe to call from several threads at once."""

    def predict(self, image: np.ndarray) -> list[Prediction]:
        """Predict one image.

        Args:
            image: uint8, height x width x 3, RGB, EXIF-turned.

        Returns:
            Most confident first.
        """
        ...
