from __future__ import annotations

from demo import digits
from demo.scores import overlap, true_boxes


def test_no_kept_digit_is_uploaded() -> None:
    material = digits.classification()
    assert len(material.uploads) + len(material.kept) == 1797
    # A dozen digits of the data set are equal to another one pixel for pixel after rounding; none may be most of them.
    uploaded = {example.content() for example in material.uploads}
    assert sum(example.content() in uploaded for example in material.kept) < 5


def test_sheets_are_the_same_each_time_and_their_boxes_do_not_overlap() -> None:
    material = digits.detection()
    assert material == digits.detection()
    for example in material.uploads[:20] + material.kept[:20]:
        boxes = true_boxes(example.labels, material.classes, example.picture().size)
        assert boxes
        assert all(0 <= edge <= digits.CANVAS_PX for box in boxes for edge in box.edges)
        assert all(overlap(a.edges, b.edges) == 0 for i, a in enumerate(boxes) for b in boxes[:i])
