"""Boxes in pixels, as COCO, VOC and tables have them, and the fractions that they stand for."""

from __future__ import annotations

import math
import warnings
from collections.abc import Callable
from dataclasses import dataclass

from PIL import Image

from datasets.boxes import Box, check_box
from datasets.formats.protocol import Source
from datasets.images import FORMATS

Edges = tuple[float, float, float, float]  # left, top, right, bottom
_ORIENTATION = 0x0112
# Where the edges of an image go when it is turned by EXIF orientation 5 to 8; all as fractions.
_TURNS: dict[int, Callable[[Edges], Edges]] = {
    5: lambda e: (e[1], e[0], e[3], e[2]),
    6: lambda e: (1 - e[3], e[0], 1 - e[1], e[2]),
    7: lambda e: (1 - e[3], 1 - e[2], 1 - e[1], 1 - e[0]),
    8: lambda e: (e[1], 1 - e[2], e[3], 1 - e[0]),
}
# Labels of a picture fit another size of it when the proportions are the same within this.
_SAME_PROPORTIONS = 0.02
_ROUNDING_PX = 0.5
_MOST_PX = 1e12


@dataclass(frozen=True)
class Canvas:
    """What the boxes of an image were drawn on, in pixels; `turn` is the EXIF orientation that they do not know of."""

    width: float
    height: float
    turn: int = 1

    def box(self, edges: Edges) -> tuple[Box, bool]:
        """The box as fractions, and whether a part of it lay outside and was cut off.

        Raises:
            ValueError: it lies outside altogether or has no size, in words.
        """
        if not all(map(math.isfinite, edges)):
            raise ValueError("the box holds a number that is not finite")
        inside = tuple(min(max(edge, 0), most) for edge, most in zip(edges, (self.width, self.height) * 2, strict=True))
        if inside[0] >= inside[2] or inside[1] >= inside[3]:
            text = ", ".join(f"{edge:g}" for edge in edges)
            raise ValueError(
                f"the box from left, top to right, bottom {text} has no part in an image of "
                f"{self.width:g} x {self.height:g} pixels"
            )
        left, top, right, bottom = _TURNS.get(self.turn, lambda e: e)(self._fractions(inside))
        cut_px = max(abs(edge - kept) for edge, kept in zip(edges, inside, strict=True))
        box = check_box(((left + right) / 2, (top + bottom) / 2, right - left, bottom - top))
        return box, cut_px > _ROUNDING_PX

    def _fractions(self, edges: tuple[float, ...]) -> Edges:
        left, top, right, bottom = edges
        return left / self.width, top / self.height, right / self.width, bottom / self.height


def canvas_of(source: Source, name: str, declared: tuple[float, float] | None) -> Canvas:
    """What the boxes of an image were drawn on.

    Args:
        declared: width and height that the labels name; the file's own when they name none.

    Raises:
        ValueError: the image cannot be read, or has another shape than the labels say, in words.
    """
    width, height, turn = _header(source, name)
    upright = (height, width) if turn in _TURNS else (width, height)
    if declared is None or _alike(declared, upright):
        return Canvas(*(declared or upright))
    if turn in _TURNS and _alike(declared, (width, height)):
        return Canvas(*declared, turn)
    raise ValueError(
        f"the labels are for an image of {declared[0]:g} x {declared[1]:g} pixels, "
        f"the file has {upright[0]} x {upright[1]}: correct the size, or bring the image that was labelled"
    )


def edges_of(box: Box, width: float, height: float) -> Edges:
    """A box of fractions in pixels of an image of this size."""
    x, y, across, down = box
    left, top = (x - across / 2) * width, (y - down / 2) * height
    return left, top, left + across * width, top + down * height


def exact_box(kept: object, canvas: Canvas, agrees: Callable[[Edges], bool]) -> Box | None:
    """The fractions that an export kept beside the pixels, when they still speak of the same box.

    Args:
        kept: what the file holds in their place, checked here.
        agrees: whether the pixels of the file are what an export writes for these edges.
    """
    if not isinstance(kept, (list, tuple)) or len(kept) != 4 or not all(map(is_number, kept)):
        return None
    x, y, width, height = map(float, kept)
    try:
        box = check_box((x, y, width, height))
    except ValueError:
        return None
    return box if agrees(edges_of(box, canvas.width, canvas.height)) else None


def is_number(value: object) -> bool:
    """Whether a value of a JSON file is a number that arithmetic can be done with."""
    return isinstance(value, (int, float)) and not isinstance(value, bool) and abs(value) < _MOST_PX


def _alike(one: tuple[float, float], other: tuple[float, float]) -> bool:
    ratio = one[0] * other[1] / (one[1] * other[0])
    return 1 - _SAME_PROPORTIONS < ratio < 1 + _SAME_PROPORTIONS


def _header(source: Source, name: str) -> tuple[int, int, int]:
    """Width and height as stored, and the EXIF orientation, without decoding the image."""
    try:
        with source.open(name) as stream, warnings.catch_warnings():
            warnings.simplefilter("ignore")
            with Image.open(stream, formats=FORMATS) as image:
                return (*image.size, _orientation(image))
    except Exception:  # Pillow's parsers raise many kinds on damaged files.
        raise ValueError(f"not an image that can be read: wanted one of {', '.join(FORMATS)}") from None


def _orientation(image: Image.Image) -> int:
    if "exif" not in image.info:  # a PNG would be decoded in search of EXIF data behind its pixels
        return 1
    try:
        return int(image.getexif().get(_ORIENTATION, 1))
    except Exception:  # and its reader of EXIF data
        return 1
