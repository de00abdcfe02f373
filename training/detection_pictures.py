"""Boxes drawn on images for a person to look at."""

from __future__ import annotations

import colorsys
import math
from collections.abc import Sequence
from pathlib import Path

import numpy as np
from PIL import Image, ImageDraw, ImageFont

from inference.protocol import Prediction

_COLUMNS = 3
_TILE_PX = 420
_GAP_PX = 6
_TEXT_PX = 14
_LONGEST_NAME = 24
_MOST_BOXES = 100


def draw_boxes(
    images: Sequence[np.ndarray], predictions: Sequence[list[Prediction]], classes: Sequence[str], path: Path
) -> None:
    """Draw images in rows of three, each with the boxes found in it, as one JPEG file.

    Args:
        images: uint8, height x width x 3, RGB.
        predictions: boxes of each image, most confident first.
    """
    colours = {name: _colour(index) for index, name in enumerate(classes)}
    columns = min(_COLUMNS, len(images))
    step = _TILE_PX + _GAP_PX
    sheet = Image.new("RGB", (columns * step, math.ceil(len(images) / columns) * step), "white")
    for index, (image, found) in enumerate(zip(images, predictions, strict=True)):
        sheet.paste(_tile(image, found, colours), (index % columns * step, index // columns * step))
    sheet.save(path, quality=88)


def _tile(image: np.ndarray, predictions: list[Prediction], colours: dict[str, str]) -> Image.Image:
    scale = _TILE_PX / max(image.shape[:2])
    size = tuple(max(1, round(side * scale)) for side in image.shape[1::-1])
    tile = Image.fromarray(image).resize(size)
    draw, font = ImageDraw.Draw(tile), _font()
    # The surest are drawn last, on top.
    for prediction in reversed(predictions[:_MOST_BOXES]):
        left, top, right, bottom = (edge * scale for edge in prediction.box_px)
        colour = colours[prediction.class_name]
        draw.rectangle((left, top, max(left, right), max(top, bottom)), outline=colour, width=2)
        text = f"{_shown(prediction.class_name)} {prediction.confidence:.2f}"
        place = (left, max(0.0, top - _TEXT_PX - 2))
        draw.rectangle(draw.textbbox(place, text, font=font), fill=colour)
        draw.text(place, text, fill="black", font=font)
    return tile


def _font() -> ImageFont.ImageFont | ImageFont.FreeTypeFont:
    """Matplotlib brings a font of many alphabets; a character it lacks is a box."""
    import matplotlib

    return ImageFont.truetype(str(Path(matplotlib.get_data_path()) / "fonts/ttf/DejaVuSans.ttf"), _TEXT_PX)


def _colour(index: int) -> str:
    # Steps of the golden ratio keep the hues of any number of classes apart.
    red, green, blue = (int(255 * part) for part in colorsys.hsv_to_rgb(index * 0.618034 % 1, 0.55, 1.0))
    return f"#{red:02x}{green:02x}{blue:02x}"


def _shown(name: str) -> str:
    """A name short enough for a picture, without line breaks and what else cannot be drawn."""
    clean = "".join(c if c.isprintable() else " " for c in name.encode("utf-8", "replace").decode())
    return clean if len(clean) <= _LONGEST_NAME else clean[: _LONGEST_NAME - 1] + "…"
