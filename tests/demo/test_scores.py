from __future__ import annotations

import pytest

from demo.examples import Example
from demo.results import tally_of
from demo.scores import Box, Tally, overlap, right_boxes, true_boxes
from tests.conftest import picture


def test_overlap_is_intersection_over_union() -> None:
    assert overlap((0, 0, 10, 10), (5, 0, 15, 10)) == pytest.approx(1 / 3)
    assert overlap((0, 0, 1, 1), (2, 2, 3, 3)) == 0
    assert overlap((1, 1, 1, 1), (1, 1, 1, 1)) == 0


def test_label_lines_become_boxes_in_pixels() -> None:
    (box,) = true_boxes(["1 0.5,0.5 0.2 0.4"], ("cat", "dog"), (100, 50))
    assert (box.class_name, box.edges) == ("dog", pytest.approx((40, 15, 60, 35)))


def test_an_object_counts_once_and_only_for_its_class() -> None:
    true = [Box("cat", (0, 0, 10, 10)), Box("dog", (20, 20, 30, 30))]
    found = [
        Box("cat", (0, 0, 10, 9)),
        Box("cat", (0, 0, 10, 10)),
        Box("cat", (20, 20, 30, 30)),
        Box("dog", (24, 20, 40, 30)),
    ]
    assert right_boxes(found, true) == [True, False, False, False]


def test_a_tally_counts_what_is_there_found_and_right() -> None:
    example = Example("a", picture(100, 100), ("0 0.5 0.5 0.2 0.2", "0 0.1 0.1 0.2 0.2"))
    predictions = [{"coords": [40, 40, 60, 60], "classification": "cat", "confidence": 0.9}]
    tally = tally_of((example, predictions), ("cat",)) + Tally(2, 1, 0)
    assert (tally, tally.recall, tally.precision) == (Tally(4, 2, 1), 0.25, 0.5)
    assert Tally().recall == Tally().precision == 0
