from __future__ import annotations

import dataclasses
import gzip
import json

import pytest

from datasets.record import RecordedData
from datasets.snapshot import Annotation, Snapshot
from datasets.split import split
from tests.datasets.samples import image, snapshot


def recorded(*counts: int, fraction: float = 0.8, **changes: object) -> RecordedData:
    """Images of each class, with odd names, and with numbers that a decimal fraction does not hold exactly."""
    images = [
        dataclasses.replace(
            image(f'"ü猫" {index}-{number}', index),
            annotations=(Annotation(index, (1 / 3, 0.1, 0.2, 1e-6)), Annotation(0)),
            image_id=f"{index}{number}",
        )
        for index, count in enumerate(counts)
        for number in range(count)
    ]
    taken = dataclasses.replace(snapshot(*images), class_ids=(3, 7), **changes)
    return RecordedData(taken, split(taken, fraction, 5))


@pytest.mark.parametrize("counts", [(6, 5), (1, 1)])
def test_data_come_back_as_they_were_in_the_order_of_training(counts: tuple[int, ...]):
    data = recorded(*counts)
    again = RecordedData.from_bytes(data.to_bytes())
    assert again.parts == data.parts
    assert again.snapshot.digest() == data.snapshot.digest()
    assert (again.snapshot.classes, again.snapshot.class_ids) == (data.snapshot.classes, (3, 7))
    assert sorted(again.snapshot.images, key=str) == sorted(data.snapshot.images, key=str)
    assert again.to_bytes() == data.to_bytes()


def test_anybody_can_read_the_file():
    data = recorded(2, 2)
    document = json.loads(gzip.decompress(data.to_bytes()))
    assert document["classes"] == [{"id": 3, "name": "c0"}, {"id": 7, "name": "c1"}]
    first = document["images"][0]
    assert first["split"] == "train"
    assert first["sha256"] == data.parts.train[0].sha256
    assert {label["class_id"] for row in document["images"] for label in row["labels"]} == {3, 7}


def test_twenty_thousand_images_take_little_room():
    names = [image(f"picture {number:05}.jpg", number % 2) for number in range(20_000)]
    taken = Snapshot("detection", ("a", "b"), tuple(names))
    assert len(RecordedData(taken, split(taken, 0.8, 0)).to_bytes()) < 3_000_000


@pytest.mark.parametrize("damage", ["cut", "no gzip", "format", "digest", "empty"])
def test_a_file_that_is_damaged_or_of_another_format_is_not_read(damage: str):
    content = recorded(2, 2).to_bytes()
    document = json.loads(gzip.decompress(content))
    damaged = {
        "cut": content[:-20],
        "no gzip": b"{}",
        "format": gzip.compress(json.dumps({**document, "format": 3}).encode()),
        "digest": gzip.compress(json.dumps({**document, "classes": [*reversed(document["classes"])]}).encode()),
        "empty": gzip.compress(b"{}"),
    }
    with pytest.raises(ValueError, match=r"\w"):
        RecordedData.from_bytes(damaged[damage])


def test_what_counts_is_the_content_of_an_image_and_not_its_file():
    data = recorded(3, 3)
    contents = {item.sha256: f"new {item.name}" for item in data.snapshot.images}
    assert data.without(contents) == []
    moved = data.with_files(contents)
    assert {item.file_id for item in moved.snapshot.images} == set(contents.values())
    assert [item.file_id for item in moved.parts.train] == [f"new {item.name}" for item in data.parts.train]
    assert moved.snapshot.digest() == data.snapshot.digest()
    gone = data.snapshot.images[0]
    del contents[gone.sha256]
    assert data.without(contents) == [gone.name]


def test_fixed_splits_groups_and_every_part_come_back():
    images = [image(f"i{number}", number % 2) for number in range(10)]
    decided = [
        *images,
        dataclasses.replace(images[0], name="left out", split="val"),
        dataclasses.replace(images[0], name="kept", split="train"),
        dataclasses.replace(image("test", 0), split="test", groups=("group:a", "name:b")),
    ]
    taken = dataclasses.replace(snapshot(*decided), class_ids=(3, 7))
    data = RecordedData(taken, split(taken, 0.8, 1))
    assert [item.name for item in data.parts.left_out] == ["left out"]
    assert [item.name for item in data.parts.test] == ["test"]
    again = RecordedData.from_bytes(data.to_bytes())
    assert dataclasses.replace(data.parts, notes=()) == again.parts
    assert again.snapshot.digest() == taken.digest() != snapshot(*images).digest()
    contents = {item.sha256: f"new {item.name}" for item in decided}
    assert again.with_files(contents).parts.test[0].file_id == "new test"


def test_what_an_earlier_version_recorded_is_read():
    data = recorded(5, 5)
    document = json.loads(gzip.decompress(data.to_bytes()))
    assert not [row for row in document["images"] if {"fixed", "groups"} & set(row)]
    old = gzip.compress(json.dumps({**document, "format": 1}).encode())
    assert RecordedData.from_bytes(old).parts == data.parts
