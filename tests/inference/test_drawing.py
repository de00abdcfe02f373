"""Predictions drawn into images: in their place, in their colour, whatever their names."""

from __future__ import annotations

import io

import numpy as np
import pytest
from PIL import Image

from inference.drawing import annotated
from inference.protocol import Prediction


def drawn(image: np.ndarray, predictions: list[Prediction], classes: list[str]) -> np.ndarray:
    return np.asarray(Image.open(io.BytesIO(annotated(image, predictions, classes)))).astype(int)


def test_a_box_is_drawn_where_it_is_and_nowhere_else():
    image = np.full((200, 300, 3), 100, np.uint8)
    picture = drawn(image, [Prediction((60.0, 80.0, 160.0, 150.0), "cat", 0.9)], ["cat"])
    assert picture.shape == (200, 300, 3)
    changed = np.abs(picture - 100).max(2) > 40
    assert changed[80:150, 60].all()
    assert changed[150, 60:160].all()
    assert not changed[95:140, 75:150].any()
    assert not changed[160:].any()
    assert not changed[:, 200:].any()


def test_classes_of_a_whole_image_stand_under_each_other():
    image = np.full((200, 200, 3), 30, np.uint8)
    whole = (0.0, 0.0, 200.0, 200.0)
    one = drawn(image, [Prediction(whole, "cat", 0.9)], ["cat", "dog"])
    two = drawn(image, [Prediction(whole, "cat", 0.9), Prediction(whole, "dog", 0.1)], ["cat", "dog"])
    assert np.abs(one[:12] - two[:12]).mean() < 5
    assert np.abs(one[20:32] - two[20:32]).max() > 80


@pytest.mark.parametrize("name", ["x" * 100, "a\nb", "Größe", "犬", "\ud83d", "🐶", "‮"])
def test_any_name_and_any_size_can_be_drawn(name: str):
    for height, width in ((1, 1), (1, 3000), (2000, 3)):
        box = (0.0, 0.0, float(width), float(height))
        picture = drawn(np.zeros((height, width, 3), np.uint8), [Prediction(box, name, 0.5)] * 200, [name])
        assert picture.shape == (height, width, 3)
