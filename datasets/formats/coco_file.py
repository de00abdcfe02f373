"""One JSON file of a COCO dataset, read image by image."""

from __future__ import annotations

import posixpath
from array import array
from collections import defaultdict
from collections.abc import Iterator
from typing import Any

from datasets.boxes import Box
from datasets.formats.json_items import JsonDocument, JsonItem
from datasets.formats.pixels import Canvas, Edges, canvas_of, exact_box, is_number
from datasets.formats.protocol import Finding, Label, LabelledImage, Report
from datasets.formats.tree import Tree

MOST_COCO_BYTES = 128 * 1024 * 1024
# Where our own exports keep a box as fractions, since pixels do not give them back bit for bit.
EXACT = "diyml_box"
_AGREE_WITHIN_PX = 0.01
_LISTS = ("images", "annotations", "categories")


class CocoFile:
    """The file is held as text while its images are gone through, and each annotation is parsed when it is needed."""

    def __init__(self, tree: Tree, path: str, split: str, report: Report):
        self.path = path
        self._tree = tree
        self._split = split
        self._report = report
        self._outline: dict[str, JsonItem] | None = None

    def is_whole(self) -> bool:
        """Whether it is a COCO file at all; what is wrong is reported."""
        return self._open(self._report) is not None

    def class_names(self) -> list[str]:
        """Names of all categories in the order of the file; broken ones are reported."""
        document = self._open()
        return list(self._categories(document, self._report).values()) if document else []

    def images(self) -> Iterator[tuple[int, LabelledImage]]:
        """Its images with the lines that list them."""
        document = self._open()
        if document is None:
            return
        reading = _Reading(self._tree, document, self._categories(document), self.path, self._report)
        yield from reading.images(self._split)

    def _open(self, report: Report = lambda finding: None) -> JsonDocument | None:
        try:
            document = JsonDocument(self._tree.source, self.path, MOST_COCO_BYTES, self._outline)
            self._outline = document.outline
            missing = [name for name in _LISTS if not document.has_list(name)]
            if missing:
                raise ValueError(f"wanted the lists {', '.join(_LISTS)}; there is no {' and no '.join(missing)}")
            return document
        except ValueError as error:
            report(Finding(self.path, None, str(error)))
            return None

    def _categories(self, document: JsonDocument, report: Report = lambda finding: None) -> dict[Any, str]:
        found: dict[Any, str] = {}
        for item in document.items("categories"):
            try:
                row = _object(document.load(item))
                name = row.get("name")
                if not isinstance(name, str) or not name.strip():
                    raise ValueError("a category must have a name")
                found[_id(row, "id")] = name.strip()
            except ValueError as error:
                report(Finding(self.path, item.line, str(error)))
        return found


class _Reading:
    """One way through the images of a file."""

    def __init__(self, tree: Tree, document: JsonDocument, categories: dict[Any, str], path: str, report: Report):
        self._tree = tree
        self._document = document
        self._categories = categories
        self._path = path
        self._report = report
        self._crowds = self._outlines = 0
        self._annotations = self._index()

    def images(self, split: str) -> Iterator[tuple[int, LabelledImage]]:
        known = set()
        for item in self._document.items("images"):
            try:
                row = _object(self._document.load(item))
                image_id = _id(row, "id")
                if image_id in known:
                    raise ValueError(f"the id {image_id} is there twice: the first image counts")
                known.add(image_id)
                yield item.line, self._image(row, image_id, split)
            except ValueError as error:
                self._report(Finding(self._path, item.line, str(error)))
        self._close(known)

    def _index(self) -> dict[Any, array]:
        """Where the annotations of each image lie in the text: start, end and line of each."""
        found: dict[Any, array] = defaultdict(lambda: array("Q"))
        for item in self._document.items("annotations"):
            try:
                image_id = _id(_object(self._document.load(item)), "image_id")
                found[image_id].extend((item.start, item.end, item.line))
            except ValueError as error:
                self._report(Finding(self._path, item.line, str(error)))
        return found

    def _image(self, row: dict[str, Any], image_id: Any, split: str) -> LabelledImage:
        name = row.get("file_name")
        if not isinstance(name, str) or not name:
            raise ValueError("an image must have a file_name")
        path = self._tree.find(name, posixpath.dirname(self._path), split)
        spans = self._annotations.get(image_id, array("Q"))
        if not spans:
            return LabelledImage(path, (), split)
        canvas = canvas_of(self._tree.source, path, _size(row))
        labels = [self._label(JsonItem(*spans[at : at + 3]), canvas) for at in range(0, len(spans), 3)]
        good = tuple(label for label in labels if label)
        # An image of which no label could be read is not one that shows nothing.
        return LabelledImage(path, good or None, split)

    def _label(self, item: JsonItem, canvas: Canvas) -> Label | None:
        row = self._document.load(item)
        try:
            if row.get("iscrowd") == 1:
                self._crowds += 1
                return None
            category = _id(row, "category_id")
            if category not in self._categories:
                raise ValueError(f"there is no category with the id {category}")
            return Label(self._categories[category], self._box(row, item.line, canvas))
        except ValueError as error:
            self._report(Finding(self._path, item.line, f"annotation {str(row.get('id'))[:50]}: {error}"))
            return None

    def _box(self, row: dict[str, Any], line: int, canvas: Canvas) -> Box:
        edges = _edges(row.get("bbox"))
        if edges is None:
            edges = _around(row.get("segmentation"))
            self._outlines += 1
        exact = exact_box(row.get(EXACT), canvas, lambda of_kept: _near(of_kept, edges))
        if exact:
            return exact
        box, cut = canvas.box(edges)
        if cut:
            where = f"annotation {str(row.get('id'))[:50]}"
            self._report(Finding(self._path, line, f"{where}: the box left the image and was cut at its border"))
        return box

    def _close(self, known: set[Any]) -> None:
        """Say what is said once for all annotations."""
        for image_id, spans in self._annotations.items():
            if image_id not in known:
                self._report(Finding(self._path, spans[2], f"annotations of the image {image_id}, which is not listed"))
        if self._crowds:
            reason = (
                f"{self._crowds:,} of the annotations mark crowds (iscrowd: 1), no single objects: they are left out"
            )
            self._report(Finding(self._path, None, reason))
        if self._outlines:
            reason = f"{self._outlines:,} of the annotations are outlines without a box: the bounding box is taken"
            self._report(Finding(self._path, None, reason))


def _near(one: Edges, other: Edges) -> bool:
    return all(abs(a - b) <= _AGREE_WITHIN_PX for a, b in zip(one, other, strict=True))


def _object(value: Any) -> dict[str, Any]:
    if not isinstance(value, dict):
        raise ValueError(f"wanted an object, got {type(value).__name__}")
    return value


def _id(row: dict[str, Any], key: str) -> Any:
    value = row.get(key)
    if type(value) not in (int, str):
        raise ValueError(f"{key} must be a number, got {str(value)[:50]}")
    return value


def _size(row: dict[str, Any]) -> tuple[float, float] | None:
    width, height = row.get("width"), row.get("height")
    if width is None or height is None or not is_number(width) or not is_number(height):
        return None
    return (width, height) if width > 0 and height > 0 else None


def _edges(bbox: Any) -> Edges | None:
    """Left, top, right, bottom of a box given as left, top, width, height; None when none is given."""
    if bbox in (None, []):
        return None
    if not isinstance(bbox, list) or len(bbox) != 4 or not all(map(is_number, bbox)):
        raise ValueError("bbox must be [left, top, width, height] in pixels")
    left, top, width, height = map(float, bbox)
    if width <= 0 or height <= 0:
        raise ValueError(f"the box has no size: width {width:g}, height {height:g}")
    return left, top, left + width, top + height


def _around(segmentation: Any) -> Edges:
    polygons = [part for part in segmentation if isinstance(part, list)] if isinstance(segmentation, list) else []
    numbers = [polygon for polygon in polygons if polygon and all(map(is_number, polygon))]
    if not numbers or any(len(polygon) % 2 for polygon in numbers):
        raise ValueError("no bbox, and no outline that one could be taken from")
    across = [x for polygon in numbers for x in polygon[::2]]
    down = [y for polygon in numbers for y in polygon[1::2]]
    return float(min(across)), float(min(down)), float(max(across)), float(max(down))
