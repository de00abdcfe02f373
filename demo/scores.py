"""How good predictions are, measured against labels that DIYML has never seen."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any

LEAST_OVERLAP = 0.5
Edges = tuple[float, float, float, float]


@dataclass(frozen=True)
class Box:
    """An object in an image; `edges` are x1, y1, x2, y2 in pixels."""

    class_name: str
    edges: Edges


@dataclass(frozen=True)
class Tally:
    """Counts over images: objects that are there, boxes predicted, boxes that are right."""

    true: int = 0
    found: int = 0
    right: int = 0

    def __add__(self, other: Tally) -> Tally:
        return Tally(self.true + other.true, self.found + other.found, self.right + other.right)

    @property
    def recall(self) -> float:
        """Share of the objects that were found, 0 to 1."""
        return self.right / self.true if self.true else 0.0

    @property
    def precision(self) -> float:
        """Share of the predicted boxes that are right, 0 to 1."""
        return self.right / self.found if self.found else 0.0


def true_boxes(labels: Iterable[str], classes: tuple[str, ...], size: tuple[int, int]) -> list[Box]:
    """Label lines (`class x_center y_center width height`, fractions) as boxes.

    Args:
        size: width and height of the image, px.
    """
    return [_true_box(line, classes, size) for line in labels]


def _true_box(line: str, classes: tuple[str, ...], size: tuple[int, int]) -> Box:
    index, *numbers = line.replace(",", " ").split()
    x, y, width, height = map(float, numbers)
    left, top, right, bottom = x - width / 2, y - height / 2, x + width / 2, y + height / 2
    return Box(classes[int(index)], (left * size[0], top * size[1], right * size[0], bottom * size[1]))


def predicted_boxes(predictions: list[dict[str, Any]]) -> list[Box]:
    """Predictions as DIYML gives them, most confident first."""
    return [Box(item["classification"], tuple(item["coords"])) for item in predictions]


def right_boxes(found: list[Box], true: list[Box]) -> list[bool]:
    """For each predicted box, whether it is right: of the right class, on an object that no surer box has taken.

    The matching of PASCAL VOC (Everingham et al. 2010): a box counts when it overlaps the object by IoU >= 0.5.
    """
    left = list(true)
    return [_take(box, left) for box in found]


def _take(box: Box, left: list[Box]) -> bool:
    same = [other for other in left if other.class_name == box.class_name]
    best = max(same, key=lambda other: overlap(box.edges, other.edges), default=None)
    if best is None or overlap(box.edges, best.edges) < LEAST_OVERLAP:
        return False
    left.remove(best)
    return True


def overlap(one: Edges, other: Edges) -> float:
    """Intersection over union, 0 to 1."""
    width = min(one[2], other[2]) - max(one[0], other[0])
    height = min(one[3], other[3]) - max(one[1], other[1])
    shared = max(0.0, width) * max(0.0, height)
    union = _area(one) + _area(other) - shared
    return shared / union if union > 0 else 0.0


def _area(edges: Edges) -> float:
    return max(0.0, edges[2] - edges[0]) * max(0.0, edges[3] - edges[1])
