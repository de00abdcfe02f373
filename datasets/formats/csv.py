"""CSV: a table with a row a label, which names the file, its class, and for boxes four numbers."""

from __future__ import annotations

import csv
import io
from collections.abc import Iterator

from datasets.formats.csv_columns import WANTED, Columns, find_columns
from datasets.formats.csv_file import MOST_CSV_BYTES, CsvFile
from datasets.formats.manifest import Manifest, ManifestWriter
from datasets.formats.names import UniqueNames
from datasets.formats.protocol import (
    Finding,
    LabelledImage,
    ReadDataset,
    Report,
    Source,
    WrittenDataset,
    WrittenFile,
    WrittenImage,
)
from datasets.formats.texts import read_text
from datasets.formats.tree import Tree
from utils import InvalidInput

_HEAD_BYTES = 64 * 1024
_PLAIN = ("file", "label", "split")
_BOXES = ("file", "label", "x_center", "y_center", "width", "height", "split")


class CsvFormat:
    """See the module."""

    name = "csv"
    carries = frozenset({"box", "image"})

    def recognises(self, source: Source) -> bool:
        """See `DatasetFormat.recognises`."""
        tree = Tree(source)
        return any(find_columns(_head(source, path), tree, path) for path in tree.ending("csv", "tsv"))

    def read(self, source: Source, report: Report) -> ReadDataset:
        """See `DatasetFormat.read`."""
        tree = Tree(source)
        manifest = Manifest.read(source, self.name, report)
        tables = list(_tables(tree, report))
        if not tables:
            raise InvalidInput(f"no table of images and labels: {WANTED}")
        classes = dict.fromkeys(name for table, _ in tables for name in table.classes)
        has_boxes = any(columns.box for _, columns in tables)
        return manifest.complete(classes, _images(tree, tables, report), tells_nothing_apart=has_boxes)

    def write(self, dataset: WrittenDataset) -> Iterator[WrittenFile]:
        """See `DatasetFormat.write`."""
        names, manifest = UniqueNames(), ManifestWriter(self.name, dataset.classes)
        has_boxes = any(label.box for image in dataset.images() for label in image.labels or ())
        target = io.StringIO()
        table = csv.writer(target, lineterminator="\n")
        table.writerow(_BOXES if has_boxes else _PLAIN)
        for image in dataset.images():
            path = f"images/{names.take_image(image.name, image.format)}"
            table.writerows(_rows(path, image, has_boxes))
            yield manifest.add(path, image)
        yield WrittenFile("labels.csv", target.getvalue().encode())
        yield manifest.file()


def _head(source: Source, path: str) -> str:
    with source.open(path) as stream:
        return stream.read(_HEAD_BYTES).decode("utf-8-sig", errors="ignore")


def _tables(tree: Tree, report: Report) -> Iterator[tuple[CsvFile, Columns]]:
    for path in tree.ending("csv", "tsv"):
        try:
            text = read_text(tree.source, path, MOST_CSV_BYTES)
            columns = find_columns(text, tree, path)
            if columns is None:
                raise ValueError(f"the columns cannot be told: {WANTED}")
        except ValueError as error:
            report(Finding(path, None, str(error)))
            continue
        table = CsvFile(tree, path, report)
        table.gather(text, columns)
        yield table, columns


def _images(tree: Tree, tables: list[tuple[CsvFile, Columns]], report: Report) -> Iterator[LabelledImage]:
    seen: set[str] = set()
    for table, columns in tables:
        for image in table.images(columns):
            if image.path in seen:
                report(Finding(table.path, None, f"another table has '{image.path}' as well: that one counts"))
                continue
            seen.add(image.path)
            yield image
    yield from tree.beside(seen)


def _rows(path: str, image: WrittenImage, has_boxes: bool) -> Iterator[list[str]]:
    for label in image.labels or (None,):
        name, box = (label.class_name, label.box) if label else ("", None)
        numbers = [*map(repr, box)] if box else [""] * 4
        yield [path, name, *(numbers if has_boxes else []), image.split]
