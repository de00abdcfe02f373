"""Boxes drawn on images for a person to look at."""

from __future__ import annotations

import math
from collections.abc import Sequence
from pathlib import Path

import numpy as np
from PIL import Image

from inference.drawing import draw_predictions
from inference.protocol import Prediction

_COLUMNS = 3
_TILE_PX = 420
_GAP_PX = 6


def draw_boxes(
    images: Sequence[np.ndarray], predictions: Sequence[list[Prediction]], classes: Sequence[str], path: Path
) -> None:
    """Draw images in rows of three, each with the boxes found in it, as one JPEG file.

    Args:
        images: uint8, height x width x 3, RGB.
        predictions: boxes of each image, most confident first.
    """
    columns = min(_COLUMNS, len(images))
    step = _TILE_PX + _GAP_PX
    sheet = Image.new("RGB", (columns * step, math.ceil(len(images) / columns) * step), "white")
    for index, (image, found) in enumerate(zip(images, predictions, strict=True)):
        sheet.paste(_tile(image, found, classes), (index % columns * step, index // columns * step))
    sheet.save(path, quality=88)


def _tile(image: np.ndarray, predictions: list[Prediction], classes: Sequence[str]) -> Image.Image:
    scale = _TILE_PX / max(image.shape[:2])
    size = tuple(max(1, round(side * scale)) for side in image.shape[1::-1])
    tile = Image.fromarray(image).resize(size)
    draw_predictions(tile, predictions, classes, scale)
    return tile
