"""One XML file of a VOC dataset."""

from __future__ import annotations

import posixpath
from collections.abc import Iterator

from datasets.boxes import BOX_NAMES, NUMBER, Box
from datasets.formats.pixels import Canvas, Edges, canvas_of, exact_box
from datasets.formats.protocol import Finding, Label, LabelledImage, Report, Source
from datasets.formats.safe_xml import MOST_XML_BYTES, Element, parse_xml
from datasets.formats.texts import read_bytes
from datasets.formats.tree import Tree

EDGES = ("xmin", "ymin", "xmax", "ymax")
# Where our own exports keep a box as fractions, since whole pixels do not give them back.
EXACT = "diyml_box"
BOX = BOX_NAMES


class VocFile:
    """The labels of one image."""

    def __init__(self, tree: Tree, path: str, report: Report):
        self._tree = tree
        self._path = path
        self._report = report

    def image(self) -> LabelledImage:
        """The image with its labels.

        Raises:
            ValueError: the file cannot be read or its image is not there, in words.
        """
        root = _root(self._tree.source, self._path)
        path = self._image_path(root)
        objects = list(root.named("object"))
        if not objects:
            return LabelledImage(path, ())
        canvas = canvas_of(self._tree.source, path, _size(root))
        labels = tuple(label for item in objects if (label := self._label(item, canvas)))
        # An image of which no label could be read is not one that shows nothing.
        return LabelledImage(path, labels or None)

    def _image_path(self, root: Element) -> str:
        """The image that the file names, or else the one that is called like the file itself."""
        folder = posixpath.dirname(self._path)
        near = self._tree.split_of(self._path)
        stem = posixpath.splitext(posixpath.basename(self._path))[0]
        name = root.text_of("filename") or stem
        try:
            return self._tree.find(name, folder, near)
        except ValueError as error:
            try:
                return self._tree.find(stem, folder, near)
            except ValueError:
                raise error from None

    def _label(self, item: Element, canvas: Canvas) -> Label | None:
        try:
            name = item.text_of("name")
            if not name:
                raise ValueError("an object must have a name")
            return Label(name, self._box(item, canvas))
        except ValueError as error:
            self._report(Finding(self._path, item.line, str(error)))
            return None

    def _box(self, item: Element, canvas: Canvas) -> Box:
        edges = _numbers(item, "bndbox", EDGES)
        if item.child(EXACT):
            kept = _numbers(item, EXACT, BOX)
            exact = exact_box(kept, canvas, lambda of_kept: whole_edges(of_kept) == edges)
            if exact:
                return exact
        box, cut = canvas.box(edges)
        if cut:
            self._report(Finding(self._path, item.line, "the box left the image and was cut at its border"))
        return box


def class_names(source: Source, path: str) -> Iterator[str]:
    """Names of the objects in a file; none when it is broken."""
    try:
        root = _root(source, path)
    except ValueError:
        return
    yield from filter(None, (item.text_of("name") for item in root.named("object")))


def whole_edges(edges: Edges) -> tuple[int, int, int, int]:
    """Edges in whole pixels, as the format wants them; a box is at least one pixel wide and high."""
    left, top, right, bottom = map(round, edges)
    return left, top, max(right, left + 1), max(bottom, top + 1)


def _root(source: Source, path: str) -> Element:
    root = parse_xml(read_bytes(source, path, MOST_XML_BYTES))
    if root.name != "annotation":
        raise ValueError(f"line {root.line}: wanted <annotation>, got <{root.name[:50]}>")
    return root


def _size(root: Element) -> tuple[float, float] | None:
    """Width and height as written; None when they are 0, as some tools leave them."""
    texts = root.text_of("size", "width"), root.text_of("size", "height")
    if not all(map(NUMBER.fullmatch, texts)) or min(map(float, texts)) <= 0:
        return None
    return float(texts[0]), float(texts[1])


def _numbers(item: Element, name: str, parts: tuple[str, ...]) -> tuple[float, float, float, float]:
    texts = [item.text_of(name, part) for part in parts]
    for part, text in zip(parts, texts, strict=True):
        if not NUMBER.fullmatch(text):
            raise ValueError(f"{part} of {name} must be a number, got '{text[:50]}'")
    one, two, three, four = map(float, texts)
    return one, two, three, four
