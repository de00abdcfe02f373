"""Predictions drawn into the image they are of, for a person to look at."""

from __future__ import annotations

import colorsys
import io
from collections import Counter
from collections.abc import Iterator, Sequence
from functools import lru_cache
from importlib.util import find_spec
from pathlib import Path

import numpy as np
from PIL import Image, ImageDraw, ImageFont

from inference.protocol import Prediction

TEXT_PX = 14
_LONGEST_NAME = 24
_MOST_DRAWN = 100
_TEXTS_A_SIDE = 40
_QUALITY = 90


def annotated(image: np.ndarray, predictions: list[Prediction], classes: Sequence[str]) -> bytes:
    """The image with its predictions drawn in, as a JPEG file.

    Args:
        image: uint8, height x width x 3, RGB.
        predictions: most confident first.
        classes: of the model, which gives each its colour.
    """
    picture = Image.fromarray(image)
    draw_predictions(picture, predictions, classes, text_px=max(TEXT_PX, max(picture.size) // _TEXTS_A_SIDE))
    stream = io.BytesIO()
    picture.save(stream, "JPEG", quality=_QUALITY)
    return stream.getvalue()


def draw_predictions(
    picture: Image.Image,
    predictions: list[Prediction],
    classes: Sequence[str],
    scale: float = 1.0,
    text_px: int = TEXT_PX,
) -> None:
    """Draw boxes with their class and confidence; of predictions for the whole picture, a line each.

    Args:
        picture: RGB; drawn into.
        predictions: most confident first.
        scale: pixels of the picture for one of the image that the boxes are of.
    """
    pen, font = ImageDraw.Draw(picture), _font(text_px)
    numbers = {name: number for number, name in enumerate(classes)}
    drawn = predictions[:_MOST_DRAWN]
    lines = list(_lines(drawn))
    # The surest are drawn last, on top.
    for prediction, line in zip(reversed(drawn), reversed(lines), strict=True):
        left, top, right, bottom = (edge * scale for edge in prediction.box_px)
        colour = _colour(numbers[prediction.class_name])
        pen.rectangle((left, top, max(left, right), max(top, bottom)), outline=colour, width=max(2, text_px // 7))
        text = f"{_shown(prediction.class_name)} {prediction.confidence:.2f}"
        place = (left, max(0.0, top - text_px - 2) + line * (text_px + 4))
        pen.rectangle(pen.textbbox(place, text, font=font), fill=colour)
        pen.text(place, text, fill="black", font=font)


def _lines(predictions: list[Prediction]) -> Iterator[int]:
    """Which line under its box's corner each text gets; classes of a whole image share one box."""
    texts: Counter[tuple[float, float, float, float]] = Counter()
    for prediction in predictions:
        yield texts[prediction.box_px]
        texts[prediction.box_px] += 1


@lru_cache(maxsize=16)
def _font(size_px: int) -> ImageFont.FreeTypeFont:
    """Matplotlib brings a font of many alphabets, found without importing it; a character it lacks is a box."""
    found = find_spec("matplotlib")
    if found is None or found.origin is None:
        raise RuntimeError("matplotlib, which brings the font, is not installed: make install")
    return ImageFont.truetype(str(Path(found.origin).parent / "mpl-data/fonts/ttf/DejaVuSans.ttf"), size_px)


def _colour(index: int) -> str:
    # Steps of the golden ratio keep the hues of any number of classes apart.
    red, green, blue = (int(255 * part) for part in colorsys.hsv_to_rgb(index * 0.618034 % 1, 0.55, 1.0))
    return f"#{red:02x}{green:02x}{blue:02x}"


def _shown(name: str) -> str:
    """A name short enough for a picture, without line breaks and what else cannot be drawn."""
    clean = "".join(c if c.isprintable() else " " for c in name.encode("utf-8", "replace").decode())
    return clean if len(clean) <= _LONGEST_NAME else clean[: _LONGEST_NAME - 1] + "…"
