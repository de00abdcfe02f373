"""Tables as other tools and spreadsheets write them."""

from __future__ import annotations

import pytest

from datasets.formats.protocol import Label
from datasets.formats.registry import FORMATS
from tests.datasets.formats.sources import PICTURE, MemorySource, read

BOX = (0.5, 0.4, 0.5, 0.4)


def _read(table: str | bytes, **more: bytes | str):
    return read("csv", {"labels.csv": table, "images/a.png": PICTURE, "images/b.png": PICTURE, **more})


@pytest.mark.parametrize("separator", [",", ";", "\t", "|"])
@pytest.mark.parametrize(
    "header", [("file", "label"), ("Filename", "CLASS"), ("image_path", "Class Name"), ("Image ID", "category"), None]
)
@pytest.mark.parametrize("ending", ["\n", "\r\n", "\r"])
def test_classes_with_and_without_header_by_any_separator(separator: str, header: tuple | None, ending: str):
    rows = [header] if header else []
    rows += [("images/a.png", '"cat, small; | one"'), ("b.png", "dog")]
    _, found, findings = _read("".join(separator.join(row) + ending for row in rows))
    assert findings == []
    assert {path: image.labels for path, image in found.items()} == {
        "images/a.png": (Label("cat, small; | one"),),
        "images/b.png": (Label("dog"),),
    }


@pytest.mark.parametrize(
    "table",
    [
        "filename,width,height,class,xmin,ymin,xmax,ymax\na.png,40,30,cat,10,6,30,18",
        "image,x1,y1,x2,y2,label\na.png,10,6,30,18,cat",
        "a.png,10,6,30,18,cat",
        "ImageID,LabelName,XMin,XMax,YMin,YMax\na,cat,0.25,0.75,0.2,0.6",
        "file,label,x_center,y_center,width,height\na.png,cat,0.5,0.4,0.5,0.4",
        "file;label;left;top;width;height\na.png;cat;10;6;20;12",
        "label_name,bbox_x,bbox_y,bbox_width,bbox_height,image_name,image_width,image_height\ncat,10,6,20,12,a.png,40,30",
        "path,label,xmin,ymin,xmax,ymax,image_width,image_height\nC:\\me\\a.png,cat,100,60,300,180,400,300",
    ],
)
def test_boxes_in_the_usual_columns(table: str):
    _, found, findings = _read(table)
    assert findings == []
    assert found["images/a.png"].labels == (Label("cat", pytest.approx(BOX)),)


@pytest.mark.parametrize(
    "content",
    [
        "\ufefffile,label\na.png,kät".encode(),
        "file,label\na.png,kät".encode("utf-16"),
        "file,label\na.png,kät".encode(),
    ],
)
def test_byte_order_marks_are_understood(content: bytes):
    assert _read(content)[0] == ("kät",)


def test_rows_of_one_image_may_stand_apart():
    table = "file,label,xmin,ymin,xmax,ymax\na.png,cat,10,6,30,18\nb.png,,,,,\na.png,dog,0,0,40,30"
    classes, found, findings = _read(table)
    assert (classes, findings) == (("cat", "dog"), [])
    assert [label.class_name for label in found["images/a.png"].labels] == ["cat", "dog"]
    assert found["images/b.png"].labels == ()


def test_an_empty_class_is_unlabelled_and_so_is_a_file_that_no_row_names():
    _, found, findings = _read("file,label\na.png,\n")
    assert {path: image.labels for path, image in found.items()} == {"images/a.png": None, "images/b.png": None}
    assert findings == []


def test_splits_come_from_a_column_or_the_name_of_the_table():
    _, found, _ = _read("file,label,split\na.png,cat,TRAIN\nb.png,cat,validation")
    assert [image.split for image in found.values()] == ["train", "val"]
    files = {"train.csv": "file,label\na.png,cat", "test.csv": "file,label\nb.png,cat"}
    _, found, _ = read("csv", {**files, "images/a.png": PICTURE, "images/b.png": PICTURE})
    assert {path: image.split for path, image in found.items()} == {"images/a.png": "train", "images/b.png": "test"}


def test_a_box_that_leaves_the_image_is_cut_and_it_is_said():
    _, found, findings = _read("file,label,xmin,ymin,xmax,ymax\na.png,cat,10,6,300,18")
    assert found["images/a.png"].labels[0].box == pytest.approx((0.625, 0.4, 0.75, 0.4))
    assert [finding.line for finding in findings] == [2]


@pytest.mark.parametrize(
    ("row", "reason"),
    [
        ("z.png,cat,10,6,30,18,train", "'z.png' is not there"),
        (",cat,10,6,30,18,train", "names no file"),
        ("a.png,cat,10,6,30,18,soon", "split must be"),
        ("a.png,,10,6,30,18,train", "no label"),
        ("a.png,cat,10,6,30,x,train", "bottom of the box must be a number"),
        ("a.png,cat,10,6,30", "bottom of the box must be a number"),
        ("a.png,cat,30,6,10,18,train", "no part"),
        ("a.png,cat,1e999,6,30,18,train", "not finite"),
    ],
)
def test_a_broken_row_is_left_out_and_named(row: str, reason: str):
    table = f"file,label,xmin,ymin,xmax,ymax,split\na.png,cat,10,6,30,18,train\n\n{row}\n"
    _, found, findings = _read(table)
    assert found["images/a.png"].labels == (Label("cat", pytest.approx(BOX)),)
    assert [(finding.path, finding.line) for finding in findings] == [("labels.csv", 4)]
    assert reason in findings[0].reason


@pytest.mark.parametrize(
    ("broken", "line"),
    [('b.png,"cat', 3), ('b.png,"c"at', 3), ("b.png," + "x" * 200_000, 3)],
    ids=["open", "after", "long"],
)
def test_a_table_is_read_up_to_where_it_breaks(broken: str, line: int):
    _, found, findings = _read(f"file,label\na.png,cat\n{broken}\n")
    assert found["images/a.png"].labels == (Label("cat"),)
    assert [(finding.path, finding.line) for finding in findings] == [("labels.csv", line)]


def test_an_image_of_which_no_row_can_be_read_is_unlabelled_and_no_background():
    table = "file,label,xmin,ymin,xmax,ymax\na.png,,,,,\na.png,cat,1,2,3,x\n"
    assert _read(table)[1]["images/a.png"].labels is None


def test_a_table_about_something_else_is_named_and_passed_over():
    _, found, findings = _read("file,label\na.png,cat", **{"notes.csv": "who,when\nme,now"})
    assert found["images/a.png"].labels == (Label("cat"),)
    assert [finding.path for finding in findings] == ["notes.csv"]
    assert "columns file and label" in findings[0].reason


@pytest.mark.parametrize("table", ["a,b\nc,d", "x.png,cat", "", "a.png,b.png", "\x00", "cat,1,2,3,4,a.png"])
def test_what_is_no_table_of_images_is_not_recognised(table: str):
    assert not FORMATS["csv"].recognises(MemorySource({"a.csv": table, "a.png": PICTURE, "b.png": PICTURE}))
