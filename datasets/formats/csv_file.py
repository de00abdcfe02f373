"""One table of images and labels, its rows gathered by image."""

from __future__ import annotations

import csv
import math
import posixpath
from array import array
from collections.abc import Iterator
from dataclasses import dataclass, field

from datasets.boxes import NUMBER, Box, box_of_text, check_box
from datasets.formats.csv_columns import CENTER, EDGES, Columns, lines_of_table
from datasets.formats.pixels import Canvas, canvas_of
from datasets.formats.protocol import Finding, Label, LabelledImage, Report
from datasets.formats.splits import split_in, split_of_word
from datasets.formats.tree import Tree

MOST_CSV_BYTES = 64 * 1024 * 1024
MOST_ROWS = 1_000_000
_NO = ("0", "no", "n", "false")
# What a label takes in memory: line, class, four numbers; the numbers are no number when the label has no box.
_STRIDE = 6


@dataclass
class _Gathered:
    """The rows of an image."""

    split: str
    labels: array = field(default_factory=lambda: array("d"))
    size: tuple[float, float] | None = None
    shows_nothing: bool = False
    is_broken: bool = False


class CsvFile:
    """A table, read as a whole: rows of one image may stand anywhere in it."""

    def __init__(self, tree: Tree, path: str, report: Report):
        self.path = path
        self._tree = tree
        self._report = report
        self._classes: dict[str, int] = {}
        self._images: dict[str, _Gathered] = {}
        self._split = split_in(posixpath.basename(path)) or tree.split_of(path)

    @property
    def classes(self) -> list[str]:
        """Class names in the order in which the rows name them."""
        return list(self._classes)

    def gather(self, text: str, columns: Columns) -> None:
        """Read all rows; broken ones are reported and left out."""
        reader = csv.reader(lines_of_table(text), delimiter=columns.separator, strict=True)
        begin = 0
        try:
            for count, row in enumerate(reader):
                begin, line = reader.line_num, begin + 1
                if count > MOST_ROWS:
                    raise csv.Error(f"more than {MOST_ROWS:,} rows")
                if any(row) and (count or not columns.has_header):
                    self._take(row, line, columns)
        except csv.Error as error:
            self._report(Finding(self.path, begin + 1, f"{error}: the table is read up to here"))

    def _take(self, row: list[str], line: int, columns: Columns) -> None:
        image = None
        try:
            name = columns.value(row, "file")
            if not name:
                raise ValueError("the row names no file")
            split = self._split_of(columns.value(row, "split"))
            path = self._tree.find(name, posixpath.dirname(self.path), split)
            image = self._images.setdefault(path, _Gathered(split))
            self._add(image, row, line, columns)
        except ValueError as error:
            if image:
                image.is_broken = True
            self._report(Finding(self.path, line, str(error)))

    def _split_of(self, text: str) -> str:
        split = split_of_word(text) if text else self._split
        if split is None:
            raise ValueError(f"the split must be train, val or test, got '{text[:50]}'")
        return split

    def _add(self, image: _Gathered, row: list[str], line: int, columns: Columns) -> None:
        label = columns.value(row, "label")
        texts = [columns.value(row, role) for role in columns.box]
        if not label and not any(texts):
            # In a table of boxes a file without one shows nothing; in one of classes nobody has named its class.
            says_no = columns.value(row, "labelled").lower() in _NO
            image.shows_nothing = bool(columns.box) and not says_no
            return
        if not label:
            raise ValueError("the row has a box and no label")
        image.size = _size(row, columns) or image.size
        numbers = _numbers(texts, columns) if any(texts) else (math.nan,) * 4
        image.labels.extend((line, self._classes.setdefault(label, len(self._classes)), *numbers))

    def images(self, columns: Columns) -> Iterator[LabelledImage]:
        """The images with their labels, in the order in which the rows name them."""
        names = self.classes
        for path, image in self._images.items():
            try:
                labels = tuple(self._labels(path, image, names, columns))
            except ValueError as error:
                self._report(Finding(self.path, int(image.labels[0]), f"'{path}': {error}"))
                continue
            nothing = () if image.shows_nothing and not image.labels and not image.is_broken else None
            yield LabelledImage(path, labels or nothing, image.split)

    def _labels(self, path: str, image: _Gathered, names: list[str], columns: Columns) -> Iterator[Label]:
        rows = [image.labels[at : at + _STRIDE] for at in range(0, len(image.labels), _STRIDE)]
        in_pixels = columns.box != CENTER and any(not math.isnan(row[2]) and max(row[2:]) > 1 for row in rows)
        canvas = canvas_of(self._tree.source, path, image.size) if in_pixels else Canvas(1, 1)
        for line, index, *numbers in rows:
            try:
                yield Label(names[int(index)], self._box(int(line), numbers, canvas, columns))
            except ValueError as error:
                self._report(Finding(self.path, int(line), str(error)))

    def _box(self, line: int, numbers: list[float], canvas: Canvas, columns: Columns) -> Box | None:
        first, second, third, fourth = numbers
        if math.isnan(first):
            return None
        if columns.box == CENTER:
            return check_box((first, second, third, fourth))
        right, bottom = (third, fourth) if columns.box == EDGES else (first + third, second + fourth)
        # Numbers that are all within 1 are no pixels but fractions.
        drawn_on = canvas if max(first, second, right, bottom) > 1 else Canvas(1, 1)
        box, cut = drawn_on.box((first, second, right, bottom))
        if cut:
            self._report(Finding(self.path, line, "the box left the image and was cut at its border"))
        return box


def _numbers(texts: list[str], columns: Columns) -> tuple[float, ...]:
    if columns.box == CENTER:
        return box_of_text(texts)
    for text, role in zip(texts, columns.box, strict=True):
        if not NUMBER.fullmatch(text):
            raise ValueError(f"the {role} of the box must be a number, got '{text[:50]}'")
    return tuple(map(float, texts))


def _size(row: list[str], columns: Columns) -> tuple[float, float] | None:
    texts = [columns.value(row, role) for role in columns.size]
    if not all(map(NUMBER.fullmatch, texts)) or min(map(float, texts)) <= 0:
        return None
    return float(texts[0]), float(texts[1])
