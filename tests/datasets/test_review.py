from __future__ import annotations

import dataclasses

from datasets.judgements import Found
from datasets.review import suspects
from datasets.snapshot import Annotation, Snapshot, SnapshotImage
from tests.datasets.judged import boxes_judged, classes_judged
from tests.datasets.samples import image

CLASSES = ("cat", "dog", "fox")
LEFT, RIGHT = (0.25, 0.5, 0.2, 0.4), (0.75, 0.5, 0.2, 0.4)
SURE = (("cat 1", 0, (0.9, 0.1, 0.0)), ("cat 2", 0, (0.8, 0.2, 0.0)), ("dog 1", 1, (0.1, 0.9, 0.0)))


def labelled(name: str, *labels: Annotation) -> SnapshotImage:
    return dataclasses.replace(image(name), annotations=labels)


def taken(*images: SnapshotImage, ids: tuple[int, ...] = (5, 6, 9)) -> Snapshot:
    return Snapshot("any", CLASSES, images, class_ids=ids)


def of_class(name: str, index: int) -> SnapshotImage:
    return labelled(name, Annotation(index))


def test_a_label_that_a_sure_prediction_contradicts_is_found_the_worst_first():
    told = classes_judged(
        *SURE, ("bad", 0, (0.04, 0.95, 0.01)), ("worse", 0, (0.0, 1.0, 0.0)), ("so", 0, (0.4, 0.6, 0.0))
    )
    images = [of_class(name, 0) for name in ("cat 1", "cat 2", "bad", "worse", "so")]
    found = suspects(taken(*images, of_class("dog 1", 1)), [told])
    assert [item.image.name for item in found] == ["worse", "bad"]
    doubt = found[1].doubt
    assert (doubt.given, doubt.predicted, doubt.reason) == (Annotation(0), Found(1, 0.95), "other_class")
    assert doubt.score == (1 + 0.95 - 0.04) / 2


def test_the_newest_judgement_counts_and_only_of_images_that_were_held_back():
    doubted = classes_judged(*SURE, ("it", 0, (0.0, 1.0, 0.0)))
    fine = classes_judged(*SURE, ("it", 0, (1.0, 0.0, 0.0)))
    seen = classes_judged(*SURE, ("it", 0, (0.0, 1.0, 0.0)), held_back=False)
    now = taken(of_class("it", 0))
    assert [item.source for item in suspects(now, [doubted, fine])] == [0]
    assert suspects(now, [fine, doubted]) == []
    assert suspects(now, [seen]) == []


def test_a_judgement_counts_as_long_as_content_and_labels_are_those_that_were_judged():
    told = classes_judged(*SURE, ("it", 0, (0.0, 1.0, 0.0)))
    same = of_class("it", 0)
    assert len(suspects(taken(same), [told])) == 1
    assert len(suspects(taken(dataclasses.replace(same, name="renamed")), [told])) == 1
    assert suspects(taken(dataclasses.replace(same, sha256="0" * 64)), [told]) == []
    assert suspects(taken(of_class("it", 1)), [told]) == []
    # Another order of the classes is another index for the same label.
    moved = dataclasses.replace(same, annotations=(Annotation(2),))
    assert len(suspects(taken(moved, ids=(6, 9, 5)), [told])) == 1


def rows(count: int) -> list[tuple[str, tuple[Annotation, ...], tuple[Found, ...]]]:
    """Images in which all is as it should be."""
    return [(f"good {n}", (Annotation(0, LEFT),), (Found(0, 0.8, LEFT),)) for n in range(count)]


def test_boxes_that_were_overlooked_swapped_or_are_not_there_are_found():
    label = Annotation(0, LEFT)
    told = boxes_judged(
        *rows(8),
        *[(f"fox {n}", (Annotation(2, LEFT),), (Found(2, 0.7, LEFT),)) for n in range(3)],
        ("overlooked", (label,), (Found(0, 0.9, LEFT), Found(0, 0.85, RIGHT))),
        ("swapped", (label,), (Found(2, 0.95, LEFT),)),
        ("not there", (label, Annotation(0, RIGHT)), (Found(0, 0.9, LEFT),)),
        ("unsure", (label,), (Found(0, 0.9, LEFT), Found(0, 0.3, RIGHT))),
        ("twice", (label,), (Found(0, 0.9, LEFT), Found(0, 0.88, (0.27, 0.5, 0.2, 0.4)))),
    )
    now = taken(*(labelled(item.name, *item.labels) for item in told.images))
    found = {item.image.name: item.doubt for item in suspects(now, [told])}
    assert {name: doubt.reason for name, doubt in found.items()} == {
        "swapped": "swapped_box",
        "overlooked": "overlooked_box",
        "not there": "box_not_found",
    }
    assert (found["overlooked"].given, found["overlooked"].predicted) == (None, Found(0, 0.85, RIGHT))
    assert (found["swapped"].given, found["swapped"].predicted) == (label, Found(2, 0.95, LEFT))
    assert (found["not there"].given, found["not there"].predicted) == (Annotation(0, RIGHT), None)
    assert list(found) == ["swapped", "overlooked", "not there"]


def test_a_model_that_finds_little_says_nothing_against_labels_it_does_not_find():
    told = boxes_judged(*rows(2), *[(f"missed {n}", (Annotation(0, LEFT),), ()) for n in range(2)])
    assert suspects(taken(*(labelled(item.name, *item.labels) for item in told.images)), [told]) == []
