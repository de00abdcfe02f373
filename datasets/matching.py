"""Which predicted box is which labelled one."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Protocol

import numpy as np

LEAST_OVERLAP = 0.5


class Boxed(Protocol):
    """A class with a box: x_center, y_center, width, height as fractions of the image."""

    @property
    def class_index(self) -> int:
        """Of the box."""
        ...

    @property
    def box(self) -> tuple[float, float, float, float] | None:
        """None for the whole image."""
        ...


def match(labels: Sequence[Boxed], found: Sequence[Boxed], same_class: bool = True) -> list[tuple[int, int]]:
    """Pairs of a label and a prediction that overlap by half at least (intersection over union).

    In the order of the predictions each takes the label that it overlaps most of those that are left, as in Pascal
    VOC (Everingham et al. 2010, 4.2).

    Args:
        found: most confident first.
        same_class: only labels of the prediction's class.
    """
    if not labels or not found:
        return []
    overlaps = _overlaps(_corners(found), _corners(labels))
    if same_class:
        classes = np.array([label.class_index for label in labels])
        overlaps[np.array([item.class_index for item in found])[:, np.newaxis] != classes] = 0
    pairs = []
    for index, row in enumerate(overlaps):
        best = int(row.argmax())
        if row[best] >= LEAST_OVERLAP:
            pairs.append((best, index))
            overlaps[:, best] = 0
    return pairs


def _corners(boxes: Sequence[Boxed]) -> np.ndarray:
    fractions = np.array([item.box or (0.5, 0.5, 1.0, 1.0) for item in boxes], np.float64)
    half = fractions[:, 2:] / 2
    return np.concatenate([fractions[:, :2] - half, fractions[:, :2] + half], axis=1)


def _overlaps(first: np.ndarray, second: np.ndarray) -> np.ndarray:
    """Intersection over union, first x second."""
    low = np.maximum(first[:, np.newaxis, :2], second[np.newaxis, :, :2])
    high = np.minimum(first[:, np.newaxis, 2:], second[np.newaxis, :, 2:])
    shared = np.clip(high - low, 0, None).prod(2)
    area, other = ((boxes[:, 2:] - boxes[:, :2]).prod(1) for boxes in (first, second))
    return shared / np.maximum(area[:, np.newaxis] + other[np.newaxis] - shared, 1e-12)
