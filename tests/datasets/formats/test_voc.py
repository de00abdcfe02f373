"""VOC as other tools write it."""

from __future__ import annotations

import pytest

from datasets.formats.protocol import Label
from tests.datasets.formats.sources import PICTURE, read

BNDBOX = "<bndbox><xmin>10</xmin><ymin>6</ymin><xmax>30</xmax><ymax>18</ymax></bndbox>"
CAT = f"<object><name>cat</name><part><name>head</name>{BNDBOX.replace('10', '1')}</part>{BNDBOX}</object>"
BOX = (0.5, 0.4, 0.5, 0.4)


def _xml(*objects: str, name: str = "a.png", size: str = "<width>40</width><height>30</height>") -> str:
    """Each object begins a line, from 4 on."""
    lines = ["<?xml version='1.0'?>", f"<annotation><filename>{name}</filename>", f"<size>{size}</size>", *objects]
    return "\n".join([*lines, "</annotation>"])


def test_the_usual_layout_with_lists_as_splits():
    files = {
        "VOC2012/Annotations/a.xml": _xml(CAT),
        "VOC2012/Annotations/b.xml": _xml(name="b.png"),
        "VOC2012/JPEGImages/a.png": PICTURE,
        "VOC2012/JPEGImages/b.png": PICTURE,
        "VOC2012/JPEGImages/c.png": PICTURE,
        "VOC2012/ImageSets/Main/val.txt": "a\n\n",
        "VOC2012/ImageSets/Main/cat_train.txt": "a  1\nb -1\n",
        "VOC2012/ImageSets/Main/trainval.txt": "a\nb\n",
    }
    classes, found, findings = read("voc", files)
    assert (classes, findings) == (("cat",), [])
    assert {path[-5:]: (image.labels, image.split) for path, image in found.items()} == {
        "a.png": ((Label("cat", pytest.approx(BOX)),), "val"),
        "b.png": ((), "train"),
        "c.png": (None, ""),
    }


def test_masks_are_no_images_of_the_dataset():
    files = {
        "Annotations/a.xml": _xml(CAT, name="a.jpg"),
        "JPEGImages/a.jpg": PICTURE,
        "SegmentationClass/a.png": PICTURE,
    }
    _, found, findings = read("voc", files)
    assert (set(found), findings) == ({"JPEGImages/a.jpg"}, [])


def test_files_beside_their_images_in_folders_of_splits():
    files = {"valid/a.xml": _xml(CAT), "valid/a.png": PICTURE, "train/a.xml": _xml(CAT, CAT), "train/a.png": PICTURE}
    _, found, _ = read("voc", files)
    assert {path: (image.split, len(image.labels)) for path, image in found.items()} == {
        "valid/a.png": ("val", 1),
        "train/a.png": ("train", 2),
    }


def test_a_wrong_file_name_falls_back_to_that_of_the_xml_file():
    files = {"Annotations/a.xml": _xml(CAT, name="IMG_0001.jpg"), "JPEGImages/a.png": PICTURE}
    assert list(read("voc", files)[1]) == ["JPEGImages/a.png"]


@pytest.mark.parametrize("size", ["<width>0</width><height>0</height>", "", "<width>x</width>"])
def test_a_size_of_zero_is_read_from_the_image(size: str):
    _, found, findings = read("voc", {"a.xml": _xml(CAT, size=size), "a.png": PICTURE})
    assert (found["a.png"].labels[0].box, findings) == (pytest.approx(BOX), [])


def test_a_box_that_leaves_the_image_is_cut_and_it_is_said():
    _, found, findings = read("voc", {"a.xml": _xml(CAT, CAT.replace("30<", "300<")), "a.png": PICTURE})
    assert found["a.png"].labels[1].box == pytest.approx((0.625, 0.4, 0.75, 0.4))
    assert [(finding.path, finding.line) for finding in findings] == [("a.xml", 5)]


@pytest.mark.parametrize(
    ("broken", "reason"),
    [
        (CAT.replace("cat", ""), "must have a name"),
        (CAT.replace("<xmin>10</xmin>", ""), "xmin of bndbox must be a number"),
        (CAT.replace("10<", "nan<"), "xmin of bndbox must be a number"),
        (CAT.replace("30<", "10<"), "no part"),
        ("<object><name>dog</name></object>", "xmin of bndbox"),
    ],
)
def test_a_broken_object_is_left_out_and_named(broken: str, reason: str):
    _, found, findings = read("voc", {"a.xml": _xml(CAT, broken), "a.png": PICTURE})
    assert [label.class_name for label in found["a.png"].labels] == ["cat"]
    assert [(finding.path, finding.line) for finding in findings] == [("a.xml", 5)]
    assert reason in findings[0].reason


@pytest.mark.parametrize(
    ("content", "reason"),
    [
        (_xml(CAT)[:-5], "line 5: this is no XML"),
        ("<!DOCTYPE annotation [<!ENTITY x 'y'>]>" + _xml(CAT)[22:], "document types"),
        ("<root><annotation/></root>", "got <root>"),
        (_xml(CAT, name="b.png"), "another file has the labels"),
        (_xml(CAT, name="z.png"), "'z.png' is not there"),
        (_xml(CAT, size="<width>400</width><height>30</height>"), "400 x 30"),
        (b"<annotation>\xff</annotation>", "no XML"),
    ],
)
def test_a_broken_file_is_left_out_and_named(content: bytes | str, reason: str):
    # In the order of names, so that the good one is read first.
    name = "c.xml" if "z.png" in str(content) or "another" in reason else "a.xml"
    files = {"b.xml": _xml(CAT, name="b.png"), name: content, "b.png": PICTURE, "a.png": PICTURE}
    _, found, findings = read("voc", files)
    assert len(found["b.png"].labels) == 1
    assert [finding.path for finding in findings] == [name]
    assert reason in findings[0].reason


def test_a_list_of_a_split_that_is_no_text_is_named():
    files = {"Annotations/a.xml": _xml(CAT), "JPEGImages/a.png": PICTURE, "ImageSets/Main/val.txt": b"\xff\xff"}
    _, found, findings = read("voc", files)
    assert [finding.path for finding in findings] == ["ImageSets/Main/val.txt"]
    assert found["JPEGImages/a.png"].split == ""
