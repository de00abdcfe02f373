from __future__ import annotations

import dataclasses
import random
from collections import Counter

import pytest

from datasets.snapshot import Snapshot, SnapshotImage
from datasets.split import split
from tests.datasets.samples import image, snapshot


def _names(images: tuple[SnapshotImage, ...]) -> list[str]:
    return sorted(item.name for item in images)


def _classes(images: tuple[SnapshotImage, ...]) -> set[int]:
    return {annotation.class_index for item in images for annotation in item.annotations}


def _any(odds: random.Random) -> Snapshot:
    """A snapshot with several objects an image, rare classes, duplicates and backgrounds."""
    images = []
    for number in range(odds.randint(1, 60)):
        shown = [min(3, int(odds.expovariate(1.2))) for _ in range(odds.randint(0, 3))]
        images.append(image(f"i{number}", *shown, content=str(odds.randint(0, 50))))
    same = {item.sha256: item.annotations for item in images}
    return snapshot(*(dataclasses.replace(item, annotations=same[item.sha256]) for item in images), classes=4)


@pytest.mark.parametrize("seed", range(40))
def test_any_split_keeps_its_promises(seed: int):
    odds = random.Random(seed)
    data, fraction = _any(odds), odds.choice([0.5, 0.7, 0.8, 0.95])
    parts = split(data, fraction, seed)
    assert _classes(parts.train) == _classes(data.images)
    if parts.val_is_train:
        assert _names(parts.train) == _names(parts.val) == _names(data.images)
        return
    assert sorted(_names(parts.train) + _names(parts.val)) == _names(data.images)
    assert not {item.sha256 for item in parts.train} & {item.sha256 for item in parts.val}
    assert len(parts.val) >= 1


def test_the_same_images_and_seed_give_the_same_parts_whatever_their_order():
    images = [image(f"i{number}", number % 3) for number in range(50)]
    first = split(snapshot(*images, classes=3), 0.8, 7)
    random.Random(1).shuffle(images)
    assert split(snapshot(*images, classes=3), 0.8, 7) == first
    assert _names(split(snapshot(*images, classes=3), 0.8, 8).val) != _names(first.val)


def test_names_do_not_matter_to_where_content_goes():
    first = split(snapshot(*(image(f"a{n}", 0, content=str(n)) for n in range(20))), 0.8, 0)
    second = split(snapshot(*(image(f"z{40 - n}", 0, content=str(n)) for n in range(20))), 0.8, 0)
    assert {item.sha256 for item in first.val} == {item.sha256 for item in second.val}


@pytest.mark.parametrize(("fraction", "held"), [(0.5, 50), (0.8, 20), (0.95, 5)])
def test_each_class_is_held_back_in_the_same_proportion(fraction: float, held: int):
    images = [image(f"i{number}", int(number < 20)) for number in range(100)]
    parts = split(snapshot(*images), fraction, 3)
    counts = Counter(item.annotations[0].class_index for item in parts.val)
    assert len(parts.val) == held
    assert abs(counts[1] - held / 5) <= 1


def test_a_rare_class_is_held_back_too():
    images = [image(f"i{number}", 0) for number in range(90)] + [image(f"r{number}", 0, 1) for number in range(10)]
    assert _classes(split(snapshot(*images), 0.8, 0).val) == {0, 1}


@pytest.mark.parametrize(
    ("images", "val_is_train"),
    [
        ([image("a", 0)], True),
        ([image("a", 0), image("b", 1)], True),
        ([image("a", 0), image("b", 0)], False),
        ([image("a", 0), image("b", 0), image("c", 1)], False),
        ([image("a", 0, content="x"), image("b", 0, content="x")], True),
        ([image("a", 0), image("b")], True),
    ],
)
def test_a_handful_of_images_still_splits(images: list[SnapshotImage], val_is_train: bool):
    parts = split(snapshot(*images), 0.8, 0)
    assert parts.val_is_train is val_is_train
    assert parts.train
    assert parts.val
    assert _classes(parts.train) == _classes(tuple(images))
