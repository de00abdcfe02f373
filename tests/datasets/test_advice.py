from __future__ import annotations

import dataclasses

from datasets.advice import advice
from datasets.snapshot import Annotation
from tests.datasets.samples import image, snapshot, unlabelled


def _codes(*given, **options) -> list[str]:
    return [finding.code for finding in advice(*given, **options)]


def test_a_good_dataset_gets_no_warning():
    assert _codes(snapshot(*(image(f"i{number}", number % 2) for number in range(30)))) == []


def test_few_images_and_imbalance_are_told_with_the_classes():
    images = [image(f"i{number}", 0) for number in range(40)] + [image("rare", 1)]
    few, imbalance = advice(snapshot(*images))
    assert (few.code, imbalance.code) == ("few_images", "imbalance")
    assert "1 class has fewer than 10 images: 'c1'" in few.message
    assert "'c0' has 40 images and 'c1' has 1" in imbalance.message


def test_images_are_named_of_contradictions_conflicts_tiny_boxes_and_missing_labels():
    many = [image(f"i{number}", number % 2) for number in range(40)]
    tiny = dataclasses.replace(image("tiny"), annotations=(Annotation(0, (0.5, 0.5, 0.01, 0.5)),))
    data = snapshot(
        *many,
        dataclasses.replace(image("kept", 0, content="x"), split="train"),
        dataclasses.replace(image("left out", 0, content="x"), split="val"),
        image("cat", 0, content="y"),
        image("no cat", 1, content="y"),
        tiny,
        unlabelled("bare"),
    )
    found = {finding.code: finding for finding in advice(data)}
    assert {code: finding.images for code, finding in found.items()} == {
        "duplicate_across_splits": ("left out",),
        "conflicting_labels": ("cat", "no cat"),
        "tiny_boxes": ("tiny",),
        "unlabelled": ("bare",),
    }


def test_a_pattern_that_cannot_be_used_is_told():
    data = snapshot(*(image(f"i{number}", number % 2) for number in range(30)))
    assert _codes(data, group_pattern="^(i)") == []
    assert _codes(data, group_pattern="(a+)+") == ["group_pattern"]
