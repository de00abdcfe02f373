"""Which format a source is of, told by what lies in it."""

from __future__ import annotations

import pytest

from datasets.formats.registry import recognise
from tests.datasets.formats.sources import PICTURE, MemorySource

COCO = '{"images": [], "annotations": [], "categories": []}'
XML = "<annotation><filename>a.png</filename></annotation>"


@pytest.mark.parametrize(
    ("format_name", "files"),
    [
        ("yolo", {"data.yaml": "names: [cat]", "train/images/a.png": PICTURE, "train/labels/a.txt": ""}),
        ("yolo", {"bccd/data.yaml": "names: [cat]", "bccd/LICENSE": "MIT", "bccd/train/images/a.png": PICTURE}),
        ("yolo", {"classes.txt": "cat", "a.png": PICTURE, "a.txt": ""}),
        ("coco", {"annotations/instances_val.json": COCO, "images/a.png": PICTURE}),
        ("coco", {"train/_annotations.coco.json": COCO, "train/a.png": PICTURE, "README.txt": "classes"}),
        ("voc", {"Annotations/a.xml": XML, "JPEGImages/a.png": PICTURE, "ImageSets/Main/train.txt": "a"}),
        ("csv", {"labels.csv": "file,label\na.png,cat", "images/a.png": PICTURE}),
        ("csv", {"labels.tsv": "a.png\tcat", "images/a.png": PICTURE}),
        ("folders", {"cat/a.png": PICTURE, "dog/b.png": PICTURE, "LICENSE": "x"}),
        ("folders", {"cat/a.png": PICTURE, "settings.yaml": "a: b", "x.json": "{}", "y.xml": "<a/>", "z.csv": "a,b"}),
        ("folders", {"a.png": PICTURE}),
        ("folders", {"cat/a.png": PICTURE, "data.yaml": "names: ["}),
    ],
)
def test_a_source_is_recognised(format_name: str, files: dict[str, bytes | str]):
    found = recognise(MemorySource(files))
    assert found is not None
    assert found.name == format_name
