"""What counts as a box, for label texts and for dataset formats alike."""

from __future__ import annotations

import re
from collections.abc import Sequence

EDGE_TOLERANCE = 0.01
SMALLEST_SIDE = 1e-6
NUMBER = re.compile(r"[+-]?(\d+(\.\d*)?|\.\d+)([eE][+-]?\d{1,3})?", re.ASCII)
BOX_NAMES = ("x_center", "y_center", "width", "height")
MOST_ERROR_CHARACTERS = 50

Box = tuple[float, float, float, float]


def box_of_text(numbers: Sequence[str]) -> Box:
    """A box from its four numbers as text; as `box_of`.

    Raises:
        ValueError: one is no number, or the box breaks a rule of `box_of`, in words.
    """
    return box_of([_number(text, name) for text, name in zip(numbers, BOX_NAMES, strict=True)])


def box_of(values: Sequence[float]) -> Box:
    """A box from its four numbers: x_center, y_center, width, height, fractions of the image.

    Raises:
        ValueError: a number is out of range, or the box breaks a rule of `check_box`, in words.
    """
    x, y, width, height = (_fraction(value, name) for value, name in zip(values, BOX_NAMES, strict=True))
    return check_box((x, y, width, height))


def check_box(box: Box) -> Box:
    """The box, when it has a size and lies in the image.

    Raises:
        ValueError: it has none, or leaves the image by more than 1 % of its size, in words.
    """
    x, y, width, height = box
    if width < SMALLEST_SIDE or height < SMALLEST_SIDE:
        raise ValueError(f"the box has no size: width {width:g}, height {height:g}")
    edges = {"left": x - width / 2, "top": y - height / 2, "right": x + width / 2, "bottom": y + height / 2}
    for name, edge in edges.items():
        # Boxes drawn to the border leave it by a rounding error in many real data sets.
        if not -EDGE_TOLERANCE <= edge <= 1 + EDGE_TOLERANCE:
            raise ValueError(f"the box leaves the image: its {name} edge is at {edge:.4g}, allowed is 0 to 1")
    return box


def _number(text: str, name: str) -> float:
    if not NUMBER.fullmatch(text):
        raise ValueError(f"{name} must be a number from 0 to 1, got '{text[:MOST_ERROR_CHARACTERS]}'")
    return float(text)


def _fraction(value: float, name: str) -> float:
    if not 0 <= value <= 1:
        raise ValueError(f"{name} must be from 0 to 1 (a fraction of the image size), got {value:g}")
    return value
