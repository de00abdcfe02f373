"""YOLO as other tools write it."""

from __future__ import annotations

import pytest

from datasets.formats.protocol import Finding, Label
from datasets.formats.registry import FORMATS
from tests.datasets.formats.sources import PICTURE, MemorySource, read
from utils import InvalidInput

CAT = (Label("cat", (0.5, 0.5, 0.2, 0.2)),)
LINE = "0 0.5 0.5 0.2 0.2\n"


@pytest.mark.parametrize(
    "names", ["names: [cat, dog]", "names:\n  - cat\n  - dog", "names: {0: cat, 1: dog}", "names:\n  1: dog\n  0: cat"]
)
def test_names_come_as_list_or_mapping(names: str):
    classes, found, findings = read("yolo", {"data.yaml": names, "images/a.png": PICTURE, "labels/a.txt": LINE})
    assert classes == ("cat", "dog")
    assert found["images/a.png"].labels == CAT
    assert findings == []


def test_names_stay_the_text_they_are():
    classes, _, _ = read("yolo", {"data.yaml": "names: [no, 1.0, 2020-01-01, ~, 0x10]", "a.png": PICTURE})
    assert classes == ("no", "1.0", "2020-01-01", "~", "0x10")


@pytest.mark.parametrize(
    ("settings", "image", "label"),
    [
        ("train: images/train\nval: images/val", "images/train/a.png", "labels/train/a.txt"),
        ("train: train/images\nval: val/images", "train/images/a.png", "train/labels/a.txt"),
        ("path: ../datasets/x\ntrain: ../train/images", "train/images/a.png", "train/labels/a.txt"),
        ("path: /content/x\ntrain: images/train", "images/train/deep/a.png", "labels/train/deep/a.txt"),
        ("train: /home/me/x/train/images", "x/train/images/a.png", "x/train/labels/a.txt"),
        ("train: [images/one, images/two]", "images/two/a.png", "labels/two/a.txt"),
        ("train: train.txt", "images/a.png", "labels/a.txt"),
        ("", "images/train2017/a.png", "labels/train2017/a.txt"),
        ("train: pictures", "pictures/a.png", "pictures/a.txt"),
    ],
)
def test_images_and_labels_are_found_in_the_usual_layouts(settings: str, image: str, label: str):
    folder = "x/" if image.startswith("x/") else ""
    files = {f"{folder}data.yaml": f"{settings}\nnames: [cat]", image: PICTURE, label: LINE}
    if "one" in settings:
        files["images/one/b.png"] = PICTURE
    if "train.txt" in settings:
        files["train.txt"] = "./images/a.png\n"
    _, found, _ = read("yolo", files)
    assert (found[image].labels, found[image].split) == (CAT, "train")


@pytest.mark.parametrize("word", ["val", "valid", "validation"])
def test_every_usual_word_for_validation_is_understood(word: str):
    files = {"data.yaml": "names: [cat]", f"{word}/images/a.png": PICTURE, f"{word}/labels/a.txt": LINE}
    _, found, _ = read("yolo", files)
    assert [image.split for image in found.values()] == ["val"]


def test_a_folder_that_stands_for_two_splits_decides_nothing():
    _, found, _ = read("yolo", {"data.yaml": "train: images\nval: images\nnames: [cat]", "images/a.png": PICTURE})
    assert found["images/a.png"].split == ""


def test_no_label_file_is_unlabelled_and_an_empty_one_is_background():
    files = {"data.yaml": "names: [cat]", "images/a.png": PICTURE, "images/b.png": PICTURE, "labels/b.txt": "\n \n"}
    _, found, findings = read("yolo", files)
    assert (found["images/a.png"].labels, found["images/b.png"].labels) == (None, ())
    assert findings == []


def test_pictures_that_are_no_part_of_the_dataset_are_left_out():
    files = {
        "data.yaml": "train: images/train\nnames: [cat]",
        "images/train/a.png": PICTURE,
        "runs/results.png": PICTURE,
        "__MACOSX/images/train/._a.png": b"x",
        "images/train/.ipynb_checkpoints/a.png": PICTURE,
    }
    assert list(read("yolo", files)[1]) == ["images/train/a.png"]


def test_outlines_become_their_bounding_boxes_and_it_is_said_once_a_file():
    outlines = "0 0.1 0.1 0.3 0.1 0.3 0.5\n1 0.5 0.5 0.2 0.2\n0 0.2 0.2 0.4 0.2 0.4 0.4 0.2 0.4\n"
    files = {"data.yaml": "names: [cat, dog]", "images/a.png": PICTURE, "labels/a.txt": outlines}
    _, found, findings = read("yolo", files)
    first, second, third = found["images/a.png"].labels or ()
    assert first.box == pytest.approx((0.2, 0.3, 0.2, 0.4))
    assert second.box == (0.5, 0.5, 0.2, 0.2)
    assert third.box == pytest.approx((0.3, 0.3, 0.2, 0.2))
    assert [(finding.path, finding.line) for finding in findings] == [("labels/a.txt", 1)]
    assert "bounding box" in findings[0].reason


@pytest.mark.parametrize(
    ("line", "reason"),
    [
        ("7 0.5 0.5 0.2 0.2", "index 0..1, got '7'"),
        ("-1 0.5 0.5 0.2 0.2", "index 0..1"),
        ("cat 0.5 0.5 0.2 0.2", "index 0..1, got 'cat'"),
        ("0 0.5 0.5 0.2", "got 4 values"),
        ("0 0.5 0.5 0.2 0.2 0.9", "got 6 values"),
        ("0 0.5 x 0.2 0.2", "y_center must be a number"),
        ("0 nan 0.5 0.2 0.2", "x_center must be a number"),
        ("0 0.5 0.5 0 0.2", "no size"),
        ("0 0.95 0.5 0.2 0.2", "right edge"),
        ("0 320 240 20 20", "from 0 to 1"),
        ("0 0.1 0.1 0.3 0.1 0.3 1.5", "corner"),
        ("0 " + "0.1 " * 50_000, "allowed are 100,000"),
    ],
)
def test_a_broken_line_is_left_out_and_named(line: str, reason: str):
    files = {"data.yaml": "names: [cat, dog]", "images/a.png": PICTURE, "labels/a.txt": f"{LINE}\n{line}\n"}
    _, found, findings = read("yolo", files)
    assert found["images/a.png"].labels == CAT
    assert [(finding.path, finding.line) for finding in findings] == [("labels/a.txt", 3)]
    assert reason in findings[0].reason


def test_an_image_of_which_no_line_can_be_read_is_unlabelled_and_no_background():
    files = {"data.yaml": "names: [cat]", "images/a.png": PICTURE, "labels/a.txt": "9 9 9 9 9"}
    assert read("yolo", files)[1]["images/a.png"].labels is None


@pytest.mark.parametrize("content", [b"\xff\xfe\x00\xd8", b"\xc3\x28", b"0 0.5\x00", b"x" * 5_000_000])
def test_a_label_file_that_is_no_text_is_named(content: bytes):
    _, found, findings = read("yolo", {"data.yaml": "names: [cat]", "images/a.png": PICTURE, "labels/a.txt": content})
    assert found["images/a.png"].labels is None
    assert [finding.path for finding in findings] == ["labels/a.txt"]


def test_a_label_file_without_an_image_and_a_split_without_a_folder_are_named():
    files = {"data.yaml": "train: images\ntest: nowhere\nnames: [cat]", "images/a.png": PICTURE, "labels/b.txt": LINE}
    _, _, findings = read("yolo", files)
    assert [(finding.path, "is not there" in finding.reason) for finding in findings] == [
        ("data.yaml", True),
        ("labels/b.txt", False),
    ]


def test_a_list_of_images_that_names_one_that_is_not_there_is_reported_by_line():
    files = {
        "data.yaml": "val: val.txt\nnames: [cat]",
        "val.txt": "images/a.png\n\nimages/z.png",
        "images/a.png": PICTURE,
    }
    _, found, findings = read("yolo", files)
    assert found["images/a.png"].split == "val"
    assert [(finding.path, finding.line) for finding in findings] == [("val.txt", 3)]


@pytest.mark.parametrize(
    ("settings", "reason"),
    [
        ("names: 3", "not there"),
        ("names: {a: cat}", "index"),
        ("names: [[cat]]", "index"),
        ("names: [cat\ntrain: x", "line 2"),
        ("names: [" + "cat," * 10_001 + "]", "allowed are 10,000"),
    ],
)
def test_settings_that_cannot_be_read_are_refused_and_named(settings: str, reason: str):
    findings: list[Finding] = []
    with pytest.raises(InvalidInput, match=r"data\.yaml"):
        FORMATS["yolo"].read(MemorySource({"data.yaml": settings, "images/a.png": PICTURE}), findings.append)
    assert reason in findings[0].reason


def test_a_wrong_number_of_classes_is_said():
    _, _, findings = read("yolo", {"data.yaml": "nc: 3\nnames: [cat, cat]", "images/a.png": PICTURE})
    assert ["nc is 3" in findings[0].reason, "twice" in findings[1].reason] == [True, True]


@pytest.mark.parametrize("name", ["classes.txt", "labels/classes.txt", "obj.names"])
def test_older_tools_write_a_list_of_classes_instead(name: str):
    classes, found, _ = read("yolo", {name: "dog\ncat\n", "images/a.png": PICTURE, "labels/a.txt": "1 0.5 0.5 0.2 0.2"})
    assert classes == ("dog", "cat")
    assert found["images/a.png"].labels == CAT


def test_a_class_may_be_written_as_a_decimal():
    _, found, _ = read("yolo", {"data.yaml": "names: [cat]", "a.png": PICTURE, "a.txt": "0.000000 0.5 0.5 0.2 0.2"})
    assert found["a.png"].labels == CAT
