from __future__ import annotations

import dataclasses
import random
from collections import Counter

import pytest

from datasets.snapshot import Snapshot, SnapshotImage
from datasets.split import split
from tests.datasets.pictures import changed, saved, scene, seen
from tests.datasets.samples import image, snapshot, unlabelled


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
    same = {item.sha256: (item.annotations, item.background) for item in images}
    labels = ("annotations", "background")
    alike = (dataclasses.replace(item, **dict(zip(labels, same[item.sha256], strict=True))) for item in images)
    return snapshot(*alike, classes=4)


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


def _fixed(part: str, *images: SnapshotImage) -> list[SnapshotImage]:
    return [dataclasses.replace(item, split=part) for item in images]


def _many(prefix: str, count: int, classes: int = 2) -> list[SnapshotImage]:
    return [image(f"{prefix}{number}", number % classes) for number in range(count)]


def test_what_is_fixed_keeps_its_part_and_the_rest_is_split_as_ever():
    free = _many("free", 50)
    fixed = [*_fixed("train", *_many("t", 10)), *_fixed("val", *_many("v", 6)), *_fixed("test", *_many("x", 4))]
    parts = split(snapshot(*free, *fixed), 0.8, 1)
    assert {item.split for item in parts.test} == {"test"}
    assert (len(parts.train), len(parts.val), len(parts.test)) == (50, 16, 4)
    assert {item.name for item in fixed if item.split == "val"} <= {item.name for item in parts.val}
    assert {item.name for item in parts.val if not item.split} == {
        item.name for item in split(snapshot(*free), 0.8, 1).val
    }
    assert (parts.left_out, parts.notes) == ((), ())


def test_a_split_that_is_fixed_throughout_is_taken_as_it_is():
    data = snapshot(*_fixed("train", *_many("t", 6)), *_fixed("val", *_many("v", 4)))
    parts = split(data, 0.5, 3)
    assert _names(parts.train) == sorted(item.name for item in data.images if item.split == "train")
    assert _names(parts.val) == sorted(item.name for item in data.images if item.split == "val")
    only_train = split(snapshot(*_fixed("train", *_many("t", 6))), 0.8, 0)
    assert only_train.val_is_train


@pytest.mark.parametrize("seed", range(10))
def test_members_of_a_group_are_never_on_both_sides(seed: int):
    images = [
        dataclasses.replace(item, groups=(f"group:{number // 4}",)) for number, item in enumerate(_many("i", 100, 3))
    ]
    parts = split(snapshot(*images, classes=3), 0.8, seed)
    assert not {item.groups for item in parts.train} & {item.groups for item in parts.val}
    assert 12 <= len(parts.val) <= 28
    assert _classes(parts.val) == {0, 1, 2}


def test_groups_that_share_a_member_are_one():
    chain = [
        dataclasses.replace(image(f"{number}", number % 2), groups=(f"group:{number}", f"group:{number + 1}"))
        for number in range(6)
    ]
    parts = split(snapshot(*chain, *_many("i", 24)), 0.8, 0)
    assert len({item in parts.train for item in chain}) == 1


@pytest.mark.parametrize("seed", range(5))
def test_pictures_that_look_alike_are_never_on_both_sides(seed: int):
    pictures = {number: scene(number) for number in range(6)}
    images = [
        seen(f"{number} {kind}", content, number % 2)
        for number, picture in pictures.items()
        for kind, content in {"original": saved(picture), **changed(picture)}.items()
        if kind != "trimmed"
    ]
    parts = split(snapshot(*images), 0.75, seed)
    assert not {item.name.split()[0] for item in parts.train} & {item.name.split()[0] for item in parts.val}
    assert parts.val
    assert not parts.notes


def test_what_contradicts_itself_is_trained_on_and_left_out_of_the_validation():
    again = changed(scene(1))["poor JPEG"]
    images = [
        seen("train copy", saved(scene(1)), 0, split="train"),
        seen("val copy", again, 0, split="val"),
        seen("free copy", changed(scene(1))["grey"], 0),
        seen("val only", saved(scene(2)), 0, split="val"),
        *_many("i", 10),
    ]
    parts = split(snapshot(*images), 0.8, 0)
    assert [item.name for item in parts.left_out] == ["val copy"]
    assert {"train copy", "free copy"} <= set(_names(parts.train))
    assert "val only" in _names(parts.val)
    assert "1 image is left out" in parts.notes[0]
    assert "val copy" in parts.notes[0]


def test_a_copy_of_what_is_tested_with_is_neither_trained_on_nor_validated_with():
    images = [*_fixed("test", image("x", 0, content="same")), image("copy", 0, content="same"), *_many("i", 10)]
    for seed in range(5):
        parts = split(snapshot(*images), 0.8, seed)
        assert _names(parts.test) == ["copy", "x"]


@pytest.mark.parametrize("group", ["", "group:all"])
def test_one_unit_of_nearly_everything_leaves_a_validation(group: str):
    groups = (group,) if group else ()
    content = "" if group else "same"
    large = [
        dataclasses.replace(image(f"l{number}", number % 2, content=content or f"l{number}"), groups=groups)
        for number in range(90)
    ]
    large = [dataclasses.replace(item, annotations=large[0].annotations) for item in large] if content else large
    parts = split(snapshot(*large, *_many("i", 10)), 0.8, 0)
    assert not parts.val_is_train
    assert 1 <= len(parts.val) <= 10
    assert all(item.name.startswith("i") for item in parts.val)


def test_when_all_pictures_look_alike_the_split_goes_by_content_and_says_so():
    picture = scene(4)
    images = [seen(f"{number}", saved(picture, "JPEG", quality=50 + number), number % 2) for number in range(40)]
    parts = split(snapshot(*images), 0.8, 0)
    assert len(parts.val) == 8
    assert "look alike" in parts.notes[0]


def test_the_same_units_are_split_the_same_whatever_their_order():
    images = [dataclasses.replace(item, groups=(f"group:{number % 9}",)) for number, item in enumerate(_many("i", 60))]
    first = split(snapshot(*images), 0.8, 7)
    random.Random(1).shuffle(images)
    assert split(snapshot(*images), 0.8, 7) == first


def test_what_nobody_has_labelled_goes_nowhere_and_is_named():
    shown, nothing = [image(f"i{number}", number % 2) for number in range(20)], image("nothing")
    parts = split(snapshot(*shown, nothing, unlabelled("new")), 0.8, 0)
    assert _names(parts.left_out) == ["new"]
    assert "nothing" in _names(parts.train + parts.val)
    assert parts.notes == ("1 image that nobody has labelled is left out: 'new'",)
