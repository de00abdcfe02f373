"""What holds for every format: what is written is what was read."""

from __future__ import annotations

import random
import unicodedata

import pytest

from datasets.formats.manifest import MANIFEST
from datasets.formats.protocol import Label, WrittenImage
from datasets.formats.registry import FORMATS, recognise
from tests.datasets.formats.sources import MemorySource, files_of, read, source_of, written_image
from utils import InvalidInput

NAMES = (
    "plain.png",
    "no extension",
    "no extension.jpg",
    "ünïcödé 图 🙂.png",
    'it\'s "quoted".png',
    "Case.png",
    "case.png",
    "CASE",
    ".leading.png",
    "..two",
    "con.png",
    "semi;colon,comma\ttab|bar.png".replace("\t", " "),
    "ends with dots...",
    "é" * 100,
    "100%.png",
    "#hash.png",
    "-dash",
    "=1+1.png",
    "<b>&amp;</b>",
    "diyml.json",
)
CLASSES = (
    "red",
    "Red",
    "small plate",
    "a, b",
    "0",
    "no",
    "train",
    "c: d",
    "<x> & 'y' \"z\"",
    "con",
    "图",
    "never shown",
)
BOXES = tuple(name for name in FORMATS if "box" in FORMATS[name].carries)
WHOLE = tuple(name for name in FORMATS if "image" in FORMATS[name].carries)


def _box(odds: random.Random) -> tuple[float, float, float, float]:
    width, height = odds.uniform(1e-3, 1), odds.uniform(1e-3, 1)
    return odds.uniform(width / 2, 1 - width / 2), odds.uniform(height / 2, 1 - height / 2), width, height


def _boxed(odds: random.Random) -> tuple[Label, ...] | None:
    if odds.random() < 0.2:
        return None
    # The last leaves the image by less than what is allowed.
    edge = [Label("red", (0.004, 0.5, 0.016, 1.0))] if odds.random() < 0.2 else []
    return tuple(Label(odds.choice(CLASSES[:-1]), _box(odds)) for _ in range(odds.randint(0, 4))) + tuple(edge)


def _whole(odds: random.Random) -> tuple[Label, ...] | None:
    return odds.choice([None, (), (Label(odds.choice(CLASSES[:-1])),), (Label(odds.choice(CLASSES[:-1])),)])


def _images(odds: random.Random, kind: str, splits: tuple[str, ...]) -> list[WrittenImage]:
    labels = _boxed if kind == "box" else _whole
    tags = ((), ("night",), ("two words", "a,b"))
    return [written_image(name, labels(odds), odds.choice(splits), *odds.choice(tags)) for name in NAMES]


CASES = [(name, "box") for name in BOXES] + [(name, "image") for name in WHOLE]


@pytest.mark.parametrize("splits", [("",), ("train", "val", "test"), ("", "train", "val")], ids=["none", "all", "some"])
@pytest.mark.parametrize("seed", range(3))
@pytest.mark.parametrize(("format_name", "kind"), CASES)
def test_a_dataset_comes_back_as_it_was(format_name: str, kind: str, seed: int, splits: tuple[str, ...]):
    images = _images(random.Random(seed), kind, splits)
    source = source_of(files_of(format_name, CLASSES, *images))
    classes, found, findings = read(format_name, source)
    assert findings == []
    assert classes == CLASSES
    got = sorted((image.name, image.labels, image.split, image.tags) for image in found.values())
    assert got == sorted((image.name, image.labels, image.split, image.tags) for image in images)
    assert recognise(source) is FORMATS[format_name]


@pytest.mark.parametrize(("format_name", "kind"), CASES)
def test_an_export_that_was_unpacked_and_zipped_with_its_folder_comes_back_too(format_name: str, kind: str):
    images = _images(random.Random(5), kind, ("", "train", "val"))
    files = source_of(files_of(format_name, CLASSES, *images)).files
    source = MemorySource({f"my test data/{path}": content for path, content in files.items()})
    source.files |= {"__MACOSX/my test data/._diyml.json": b"x", "my test data/.DS_Store": b"x"}
    assert recognise(source) is FORMATS[format_name]
    classes, found, findings = read(format_name, source)
    assert (classes, findings) == (CLASSES, [])
    got = sorted((image.name, image.labels, image.split, image.tags) for image in found.values())
    assert got == sorted((image.name, image.labels, image.split, image.tags) for image in images)


@pytest.mark.parametrize(("format_name", "kind"), CASES)
def test_file_names_of_an_export_are_safe_everywhere(format_name: str, kind: str):
    files = files_of(format_name, CLASSES, *_images(random.Random(1), kind, ("train", "")))
    paths = [file.path for file in files]
    assert len({unicodedata.normalize("NFC", path.casefold()) for path in paths}) == len(paths)
    for path in paths:
        for part in path.split("/"):
            assert part
            assert len(part.encode()) <= 255
            assert not set(part) & set('<>:"\\|?*\0')
            assert not part.startswith(".")
            assert part[-1] not in ". "
            assert part.split(".")[0].lower() not in ("con", "nul")
    assert all(file.path.endswith(".png") for file in files if file.image)


@pytest.mark.parametrize(("format_name", "kind"), CASES)
def test_every_image_is_written_once_and_the_texts_refer_to_it(format_name: str, kind: str):
    images = _images(random.Random(2), kind, ("",))
    files = files_of(format_name, CLASSES, *images)
    assert sorted(file.image.name for file in files if file.image) == sorted(NAMES)
    assert [file.path for file in files][-1] == MANIFEST


@pytest.mark.parametrize(("format_name", "kind"), CASES)
def test_without_the_manifest_another_tool_reads_the_same_labels(format_name: str, kind: str):
    boxes = (Label("cat", (0.5, 0.5, 0.2, 0.2)), Label("dog", (0.25, 0.25, 0.5, 0.5)))
    labels = (boxes, boxes[:1], boxes[1:]) if kind == "box" else ((Label("cat"),), (Label("dog"),), (Label("dog"),))
    images = [
        written_image(name, shown, split)
        for name, shown, split in zip("abc", labels, ("train", "val", "test"), strict=True)
    ]
    files = [file for file in files_of(format_name, ("cat", "dog"), *images) if file.path != MANIFEST]
    source = source_of(files)
    assert recognise(source) is FORMATS[format_name]
    classes, found, findings = read(format_name, source)
    assert classes == ("cat", "dog")
    assert findings == []
    for image, got in zip(images, sorted(found.values(), key=lambda image: image.path.split("/")[-1]), strict=True):
        assert (got.name, got.split) == ("", image.split)
        assert [label.class_name for label in got.labels] == [label.class_name for label in image.labels]
        for label, wanted in zip(got.labels, image.labels, strict=True):
            assert label.box is wanted.box is None or label.box == pytest.approx(wanted.box, abs=1e-9)


@pytest.mark.parametrize(("format_name", "kind"), CASES)
def test_a_broken_manifest_costs_no_image(format_name: str, kind: str):
    label = Label("cat", (0.5, 0.5, 0.2, 0.2) if kind == "box" else None)
    source = source_of(files_of(format_name, ("cat",), written_image("a", (label,))))
    source.files[MANIFEST] = source.files[MANIFEST][:-20]
    _, found, findings = read(format_name, source)
    assert len(found) == 1
    assert findings[0].path == MANIFEST


@pytest.mark.parametrize(("format_name", "kind"), CASES)
def test_a_line_of_the_manifest_that_is_broken_is_named(format_name: str, kind: str):
    source = source_of(files_of(format_name, ("cat",), written_image("a", None), written_image("b", None, "", "tag")))
    source.files[MANIFEST] = source.files[MANIFEST].replace(b'"labelled":false', b'"labelled":"x"', 1)
    _, found, findings = read(format_name, source)
    assert sorted((image.name, image.tags) for image in found.values()) == [("", ()), ("b", ("tag",))]
    line = source.files[MANIFEST].split(b'"labelled":"x"')[0].count(b"\n") + 1
    assert [(finding.path, finding.line) for finding in findings] == [(MANIFEST, line)]


@pytest.mark.parametrize(("format_name", "kind"), CASES)
def test_a_project_without_images_can_be_written_and_read(format_name: str, kind: str):
    classes, found, findings = read(format_name, source_of(files_of(format_name, ("cat",))))
    assert (classes, found, findings) == (("cat",), {}, [])


@pytest.mark.parametrize("format_name", FORMATS)
def test_what_is_no_dataset_of_the_format_is_refused(format_name: str):
    with pytest.raises(InvalidInput, match="wanted"):
        read(format_name, {"readme.md": "nothing", "notes.txt": "a b c"})


@pytest.mark.parametrize("format_name", sorted(set(BOXES) - set(WHOLE)))
def test_labels_that_a_format_cannot_hold_are_refused(format_name: str):
    with pytest.raises(InvalidInput, match="choose folders or csv"):
        files_of(format_name, ("cat",), written_image("a", (Label("cat"),)))


def test_an_edited_label_counts_more_than_the_manifest():
    image = written_image("a.png", (Label("cat", (0.5, 0.5, 0.2, 0.2)),), "train")
    for format_name, path, old, new in (
        ("yolo", "labels/train/a.txt", b"0.5 0.5 0.2 0.2", b"0.5 0.5 0.4 0.4"),
        ("coco", "annotations/instances_train.json", b'"bbox":[16.0,12.0,8.0,6.0]', b'"bbox":[12.0,9.0,16.0,12.0]'),
        (
            "voc",
            "Annotations/a.xml",
            b"<xmin>16</xmin><ymin>12</ymin><xmax>24<",
            b"<xmin>12</xmin><ymin>9</ymin><xmax>28<",
        ),
        ("csv", "labels.csv", b"0.5,0.5,0.2,0.2", b"0.5,0.5,0.4,0.4"),
    ):
        source = source_of(files_of(format_name, ("cat",), image))
        assert old in source.files[path]
        source.files[path] = source.files[path].replace(old, new).replace(b"<ymax>18<", b"<ymax>21<")
        _, found, findings = read(format_name, source)
        (label,) = next(iter(found.values())).labels or ()
        assert label.box == pytest.approx((0.5, 0.5, 0.4, 0.4))
        assert findings == []


def test_a_source_of_nothing_is_no_dataset():
    assert recognise(MemorySource({})) is None
    assert recognise(MemorySource({"a.txt": "x"})) is None
