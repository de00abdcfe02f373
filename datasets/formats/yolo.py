"""YOLO: a text file beside each image, a box a line, and `data.yaml` with classes and splits.

https://docs.ultralytics.com/datasets/detect/ describes it; the variants read are those that tools write.
"""

from __future__ import annotations

import posixpath
from collections.abc import Iterator

from datasets.boxes import NUMBER, Box, box_of_text, check_box
from datasets.formats.manifest import Manifest, ManifestWriter
from datasets.formats.names import UniqueNames
from datasets.formats.protocol import (
    Finding,
    Label,
    LabelledImage,
    ReadDataset,
    Report,
    Source,
    WrittenDataset,
    WrittenFile,
)
from datasets.formats.splits import split_folders
from datasets.formats.texts import lines_of, read_text
from datasets.formats.tree import Tree
from datasets.formats.yolo_settings import YoloSettings, find_settings, settings_text
from datasets.labels import MOST_LINES
from utils import InvalidInput, plural

_MOST_LINE_CHARACTERS = 100_000
_BOX_VALUES = 5
_SIDES = ("x", "y")


class YoloFormat:
    """See the module."""

    name = "yolo"
    carries = frozenset({"box"})

    def recognises(self, source: Source) -> bool:
        """See `DatasetFormat.recognises`."""
        return find_settings(Tree(source), lambda finding: None) is not None

    def read(self, source: Source, report: Report) -> ReadDataset:
        """See `DatasetFormat.read`."""
        tree = Tree(source)
        settings = find_settings(tree, report)
        if settings is None:
            raise InvalidInput("no YOLO dataset: wanted a data.yaml with 'names', or a classes.txt with a name a line")
        manifest = Manifest.read(source, self.name, report)
        return manifest.complete(settings.classes, _Reading(tree, settings, report).images())

    def write(self, dataset: WrittenDataset) -> Iterator[WrittenFile]:
        """See `DatasetFormat.write`."""
        names, manifest = UniqueNames(), ManifestWriter(self.name, dataset.classes)
        index_of = {name: index for index, name in enumerate(dataset.classes)}
        folders: set[str] = set()
        split_folder = split_folders(dataset)
        for image in dataset.images():
            folder, file_name = split_folder(image), names.take_image(image.name, image.format)
            folders.add(folder)
            yield manifest.add(posixpath.join("images", folder, file_name), image)
            if image.labels is not None:
                lines = "".join(_line(label, index_of) for label in image.labels)
                path = posixpath.join("labels", folder, posixpath.splitext(file_name)[0])
                yield WrittenFile(f"{path}.txt", lines.encode())
        yield WrittenFile("data.yaml", settings_text(dataset.classes, folders).encode())
        yield manifest.file()


def _line(label: Label, index_of: dict[str, int]) -> str:
    if label.box is None:
        raise InvalidInput("YOLO holds boxes, and these labels are of whole images: choose folders or csv")
    return " ".join([str(index_of[label.class_name]), *map(repr, label.box)]) + "\n"


class _Reading:
    """One way through the images of a source."""

    def __init__(self, tree: Tree, settings: YoloSettings, report: Report):
        self._tree = tree
        self._settings = settings
        self._report = report
        self._seen: set[str] = set()

    def images(self) -> Iterator[LabelledImage]:
        for path in self._tree.images:
            text = self._labels_of(path)
            if text or self._settings.covers(path) or "images" in path.split("/"):
                labels = self._read(text) if text else None
                yield LabelledImage(path, labels, self._settings.split_of(path, self._tree))
        for name in self._tree.ending("txt"):
            if "labels" in name.split("/") and name not in self._seen:
                self._report(Finding(name, None, "there is no image of this name: add it, or remove the labels"))

    def _labels_of(self, path: str) -> str | None:
        """The label file of an image: in `labels` where the image is in `images`, or beside it."""
        stem = posixpath.splitext(path)[0]
        before, images, after = f"/{stem}".rpartition("/images/")
        candidates = [f"{before}/labels/{after}.txt"[1:]] if images else []
        found = next((name for name in [*candidates, f"{stem}.txt"] if name in self._tree), None)
        return None if found is None or found == self._settings.path else found

    def _read(self, name: str) -> tuple[Label, ...] | None:
        self._seen.add(name)
        try:
            lines = list(lines_of(read_text(self._tree.source, name)))
            if len(lines) > MOST_LINES:
                raise ValueError(f"{plural(len(lines), 'line')}, allowed are {MOST_LINES:,}")
        except ValueError as error:
            self._report(Finding(name, None, f"{error}; the image is taken as unlabelled"))
            return None
        read = [(number, self._label(name, number, line), line) for number, line in lines]
        outline = next((number for number, label, line in read if label and len(line.split()) > _BOX_VALUES), None)
        if outline:
            self._report(Finding(name, outline, "an outline: of it and any further one the bounding box is taken"))
        labels = [label for _, label, _ in read if label]
        # An image of which no label could be read is not one that shows nothing.
        return tuple(labels) if labels or not lines else None

    def _label(self, name: str, number: int, line: str) -> Label | None:
        try:
            if len(line) > _MOST_LINE_CHARACTERS:
                raise ValueError(f"{len(line):,} characters, allowed are {_MOST_LINE_CHARACTERS:,}")
            reference, *numbers = line.split()
            return Label(self._class(reference), _box(numbers))
        except ValueError as error:
            self._report(Finding(name, number, str(error)))
            return None

    def _class(self, reference: str) -> str:
        names = self._settings.names
        # Tools that write whole tables of numbers write class 2 as 2.000000.
        index = float(reference) if NUMBER.fullmatch(reference) else -1
        if index not in names:
            raise ValueError(f"class must be an index 0..{max(names, default=0)}, got '{reference[:50]}'")
        return names[int(index)]


def _box(numbers: list[str]) -> Box:
    if len(numbers) == 4:
        return box_of_text(numbers)
    if len(numbers) < 6 or len(numbers) % 2:
        wanted = "class x_center y_center width height, or a class and the corners of an outline"
        raise ValueError(f"wanted: {wanted}; got {plural(len(numbers) + 1, 'value')}")
    return _around(numbers)


def _around(numbers: list[str]) -> Box:
    points = []
    for index, text in enumerate(numbers):
        if not NUMBER.fullmatch(text) or not -0.01 <= float(text) <= 1.01:
            raise ValueError(f"{_SIDES[index % 2]} of a corner must be a number from 0 to 1, got '{text[:50]}'")
        points.append(min(max(float(text), 0.0), 1.0))
    left, right, top, bottom = min(points[::2]), max(points[::2]), min(points[1::2]), max(points[1::2])
    return check_box(((left + right) / 2, (top + bottom) / 2, right - left, bottom - top))
