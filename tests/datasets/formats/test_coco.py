"""COCO as other tools write it."""

from __future__ import annotations

import json
from typing import Any

import pytest

from datasets.formats.protocol import Label
from tests.datasets.formats.sources import HEIGHT, PICTURE, WIDTH, read
from tests.datasets.formats.turned import turned_picture

IMAGE = {"id": 7, "file_name": "a.png", "width": WIDTH, "height": HEIGHT}
CATEGORIES = [{"id": 3, "name": "cat"}, {"id": 90, "name": "hot dog"}]
CAT = {"id": 1, "image_id": 7, "category_id": 3, "bbox": [10, 6, 20, 12], "iscrowd": 0}
BOX = (0.5, 0.4, 0.5, 0.4)


def _coco(*annotations: dict[str, Any], images: Any = (IMAGE,), categories: Any = CATEGORIES) -> str:
    """A file with each entry in a line of its own: image in 3, first annotation after it in 6."""
    lists = {"images": images, "annotations": annotations, "categories": categories}
    texts = (f'"{name}": [\n' + ",\n".join(map(json.dumps, rows)) + "\n]" for name, rows in lists.items())
    return "{\n" + ",\n".join(texts) + "\n}"


def test_categories_may_have_gaps_and_no_image():
    files = {"annotations/instances_val2017.json": _coco(CAT), "val2017/a.png": PICTURE}
    classes, found, findings = read("coco", files)
    assert classes == ("cat", "hot dog")
    image = found["val2017/a.png"]
    assert (image.split, findings) == ("val", [])
    assert image.labels == (Label("cat", pytest.approx(BOX)),)


def test_several_files_are_splits_and_other_kinds_of_files_are_passed_over():
    files = {
        "annotations/instances_train2017.json": _coco(CAT),
        "annotations/instances_val2017.json": _coco(CAT, categories=[{"id": 3, "name": "dog"}]),
        "annotations/captions_train2017.json": json.dumps({"images": [IMAGE], "annotations": [{"image_id": 7}]}),
        "train2017/a.png": PICTURE,
        "val2017/a.png": PICTURE,
    }
    classes, found, findings = read("coco", files)
    assert (set(classes), findings) == ({"cat", "hot dog", "dog"}, [])
    assert {path: (image.split, image.labels[0].class_name) for path, image in found.items()} == {
        "train2017/a.png": ("train", "cat"),
        "val2017/a.png": ("val", "dog"),
    }


@pytest.mark.parametrize("name", ["a.png", "x/a.png", "./x/a.png", "..\\x\\a.png", "/data/me/x/a.png", "A.PNG"])
def test_images_are_found_by_as_much_of_their_path_as_is_given(name: str):
    files = {"annotations/a.json": _coco(CAT, images=[{**IMAGE, "file_name": name}]), "images/x/a.png": PICTURE}
    assert list(read("coco", files)[1]) == ["images/x/a.png"]


def test_a_file_beside_its_images_stands_for_the_split_of_its_folder():
    files = {"valid/_annotations.coco.json": _coco(CAT), "valid/a.png": PICTURE}
    assert read("coco", files)[1]["valid/a.png"].split == "val"


def test_a_listed_image_without_annotations_shows_nothing_and_one_beside_it_is_unlabelled():
    files = {"a.json": _coco(), "images/a.png": PICTURE, "images/b.png": PICTURE, "masks/a_mask.png": PICTURE}
    _, found, findings = read("coco", files)
    assert {path: image.labels for path, image in found.items()} == {"images/a.png": (), "images/b.png": None}
    assert findings == []


def test_a_box_that_leaves_the_image_is_cut_and_it_is_said():
    _, found, findings = read("coco", {"a.json": _coco({**CAT, "bbox": [-10, -10, 30, 20]}), "a.png": PICTURE})
    assert found["a.png"].labels[0].box == pytest.approx((0.25, 1 / 6, 0.5, 1 / 3))
    assert [(finding.path, finding.line) for finding in findings] == [("a.json", 6)]
    assert "cut" in findings[0].reason


def test_crowds_are_left_out_and_outlines_become_boxes_and_each_is_said_once():
    outline = {**CAT, "bbox": [], "segmentation": [[10, 6, 30, 6, 30, 18], [12, 7, 13, 7, 13, 8]]}
    content = _coco({**CAT, "iscrowd": 1}, outline, outline, {**CAT, "iscrowd": 1})
    _, found, findings = read("coco", {"a.json": content, "a.png": PICTURE})
    assert found["a.png"].labels == (Label("cat", pytest.approx(BOX)),) * 2
    assert [finding.reason[:2] for finding in findings] == ["2 ", "2 "]


def test_an_image_that_shows_only_a_crowd_is_unlabelled():
    _, found, _ = read("coco", {"a.json": _coco({**CAT, "iscrowd": 1}), "a.png": PICTURE})
    assert found["a.png"].labels is None


@pytest.mark.parametrize("size", [{}, {"width": 0, "height": 0}, {"width": None, "height": None}, {"width": "x"}])
def test_a_size_that_is_not_given_is_read_from_the_image(size: dict[str, Any]):
    images = [{"id": 7, "file_name": "a.png", **size}]
    _, found, findings = read("coco", {"a.json": _coco(CAT, images=images), "a.png": PICTURE})
    assert (found["a.png"].labels[0].box, findings) == (pytest.approx(BOX), [])


def test_labels_of_the_same_picture_in_another_size_fit_and_those_of_another_shape_do_not():
    large = {**IMAGE, "width": 10 * WIDTH, "height": 10 * HEIGHT}
    files = {"a.json": _coco({**CAT, "bbox": [100, 60, 200, 120]}, images=[large]), "a.png": PICTURE}
    assert read("coco", files)[1]["a.png"].labels[0].box == pytest.approx(BOX)
    files["a.json"] = _coco(CAT, images=[{**IMAGE, "width": 100}])
    _, found, findings = read("coco", files)
    assert found == {}
    assert "100 x 30" in findings[0].reason
    assert "40 x 30" in findings[0].reason


@pytest.mark.parametrize("orientation", range(1, 9))
def test_boxes_drawn_on_a_photo_before_its_turn_are_turned_with_it(orientation: int):
    content, (left, top, right, bottom), shown = turned_picture(orientation)
    images = [{**IMAGE, "file_name": "a.jpg", "width": 80, "height": 40}]
    annotation = {**CAT, "bbox": [left, top, right - left, bottom - top]}
    _, found, findings = read("coco", {"a.json": _coco(annotation, images=images), "a.jpg": content})
    assert findings == []
    if orientation >= 5:  # the others keep the shape, and tools draw on what they show
        assert found["a.jpg"].labels[0].box == pytest.approx(shown, abs=0.03)


@pytest.mark.parametrize(
    ("broken", "line", "reason"),
    [
        ({"category_id": 1}, 7, "no category with the id 1"),
        ({"category_id": None}, 7, "category_id must be"),
        ({"image_id": 8}, 7, "not listed"),
        ({"image_id": None}, 7, "image_id must be"),
        ({"image_id": [7]}, 7, "image_id must be"),
        ({"bbox": [1, 2, 3]}, 7, "left, top, width, height"),
        ({"bbox": [1, 2, "3", 4]}, 7, "left, top, width, height"),
        ({"bbox": [1, 2, 10**400, 4]}, 7, "left, top, width, height"),
        ({"bbox": [1, 2, 0, 4]}, 7, "no size"),
        ({"bbox": [100, 2, 10, 4]}, 7, "no part in an image"),
        ({"bbox": None}, 7, "no bbox"),
        ({"bbox": None, "segmentation": {"counts": [1], "size": [1, 1]}}, 7, "no bbox"),
        ({"bbox": None, "segmentation": [[1, 2, 3]]}, 7, "no bbox"),
    ],
)
def test_a_broken_annotation_is_left_out_and_named(broken: dict[str, Any], line: int, reason: str):
    files = {"a.json": _coco(CAT, {**CAT, **broken}), "images/a.png": PICTURE}
    _, found, findings = read("coco", files)
    assert found["images/a.png"].labels == (Label("cat", pytest.approx(BOX)),)
    assert [(finding.path, finding.line) for finding in findings] == [("a.json", line)]
    assert reason in findings[0].reason


@pytest.mark.parametrize(
    ("broken", "reason"),
    [
        ({**IMAGE, "id": 8, "file_name": "b.png"}, "is not there"),
        ({**IMAGE, "id": 8, "file_name": ""}, "file_name"),
        ({**IMAGE, "id": None}, "id must be"),
        (IMAGE, "there twice"),
        ({**IMAGE, "id": 8}, "listed twice"),
        (5, "wanted an object"),
        ({**IMAGE, "id": 8, "file_name": "c.png"}, "may be any of"),
    ],
)
def test_a_broken_image_is_left_out_and_named(broken: Any, reason: str):
    files = {
        "a.json": _coco(CAT, images=[IMAGE, broken]),
        "images/a.png": PICTURE,
        "x/c.png": PICTURE,
        "y/c.png": PICTURE,
    }
    _, found, findings = read("coco", files)
    assert set(found) == {"images/a.png"}
    assert (findings[0].path, findings[0].line) == ("a.json", 4)
    assert reason in findings[0].reason


def test_a_picture_that_cannot_be_read_is_named():
    _, found, findings = read("coco", {"a.json": _coco(CAT), "a.png": b"x" * 100})
    assert (found, findings[0].line) == ({}, 3)
    assert "not an image" in findings[0].reason


def test_a_broken_category_is_named_and_its_annotations_too():
    content = _coco(CAT, categories=[{"id": 3}, {"id": 4, "name": "dog"}])
    classes, found, findings = read("coco", {"a.json": content, "a.png": PICTURE})
    assert (classes, found["a.png"].labels) == (("dog",), None)
    assert [finding.line for finding in findings] == [9, 6]


def test_of_two_files_a_broken_one_costs_only_itself():
    files = {"train.json": _coco(CAT), "val.json": _coco(CAT)[:-20], "train/a.png": PICTURE, "val/a.png": PICTURE}
    _, found, findings = read("coco", files)
    assert set(found) == {"train/a.png"}
    assert [finding.path for finding in findings] == ["val.json"]
