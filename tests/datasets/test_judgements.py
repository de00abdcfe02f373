from __future__ import annotations

import json

import pytest

import datasets.judgements
from datasets.judgements import Found, Judgements
from datasets.matching import match
from datasets.snapshot import Annotation
from tests.datasets.judged import boxes_judged, classes_judged

LEFT, RIGHT, NEAR_LEFT = (0.25, 0.5, 0.2, 0.4), (0.75, 0.5, 0.2, 0.4), (0.26, 0.51, 0.2, 0.4)


def test_what_was_written_is_read_again():
    told = classes_judged(("a", 0, (0.9, 0.1, 0.0)), ("b", 1, (0.6, 0.3, 0.1)), held_back=False)
    again = Judgements.from_bytes(told.to_bytes())
    assert again == told
    assert (again.classes, again.class_ids, again.held_back, again.judged) == (
        ("cat", "dog", "fox"),
        (5, 6, 9),
        False,
        2,
    )
    boxes = boxes_judged(("c", (Annotation(2, (1 / 3, 0.5, 0.1, 0.1)),), (Found(2, 0.5, LEFT),)))
    assert Judgements.from_bytes(boxes.to_bytes()) == boxes


def test_the_worst_come_first_and_the_score_of_a_class_is_what_the_given_one_lacks():
    told = classes_judged(("good", 0, (0.9, 0.1, 0.0)), ("bad", 1, (0.75, 0.2, 0.05)))
    assert [(image.name, round(image.score, 3)) for image in told.images] == [("bad", 0.8), ("good", 0.1)]


def test_the_given_class_is_kept_however_improbable(monkeypatch: pytest.MonkeyPatch):
    told = classes_judged(("a", 2, (0.6, 0.39, 0.01)))
    assert [item.class_index for item in told.images[0].predictions] == [0, 1, 2]


@pytest.mark.parametrize(
    ("labels", "found", "score"),
    [
        ((), (), 0.0),
        ((), (Found(0, 0.9, LEFT),), 1.0),
        ((Annotation(0, LEFT),), (), 1.0),
        ((Annotation(0, LEFT),), (Found(0, 0.9, NEAR_LEFT),), 0.0),
        ((Annotation(0, LEFT),), (Found(1, 0.9, NEAR_LEFT),), 1.0),
        ((Annotation(0, LEFT), Annotation(0, RIGHT)), (Found(0, 0.9, NEAR_LEFT),), 1 / 3),
        ((Annotation(0, LEFT),), (Found(0, 0.9, LEFT), Found(0, 0.8, NEAR_LEFT)), 1 / 3),
    ],
)
def test_the_score_of_boxes_is_what_their_f1_lacks(labels, found, score: float):
    assert boxes_judged(("a", labels, found)).images[0].score == pytest.approx(score, abs=1e-5)


def test_a_prediction_takes_the_label_that_it_overlaps_most():
    labels = [Annotation(0, (0.30, 0.5, 0.2, 0.4)), Annotation(0, LEFT)]
    assert match(labels, [Found(0, 0.9, NEAR_LEFT), Found(0, 0.5, (0.31, 0.5, 0.2, 0.4))]) == [(1, 0), (0, 1)]


def test_only_the_worst_are_kept_past_the_bounds(monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr(datasets.judgements, "MOST_IMAGES", 3)
    rows = [(f"{number}", 0, (number / 10, 1 - number / 10, 0.0)) for number in range(10)]
    told = classes_judged(*rows)
    assert [image.name for image in told.images] == ["0", "1", "2"]
    assert told.judged == 10
    monkeypatch.setattr(datasets.judgements, "MOST_BOXES", 9)
    assert len(classes_judged(*rows).images) == 2


@pytest.mark.parametrize("content", [b"", b"{}", b"[]", b"null", json.dumps({"format": 2}).encode(), b'{"format": 1}'])
def test_what_is_damaged_or_of_another_format_is_not_read(content: bytes):
    with pytest.raises(ValueError, match=r"\w"):
        Judgements.from_bytes(content)
