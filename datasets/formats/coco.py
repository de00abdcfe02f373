"""COCO: JSON files with images, categories and annotations, boxes in pixels.

https://cocodataset.org/#format-data describes it.
"""

from __future__ import annotations

import itertools
import json
import posixpath
import re
from collections import defaultdict
from collections.abc import Iterator
from typing import Any

from datasets.boxes import Box
from datasets.formats.coco_file import EXACT, CocoFile
from datasets.formats.manifest import MANIFEST, Manifest, ManifestWriter
from datasets.formats.names import UniqueNames
from datasets.formats.pixels import edges_of
from datasets.formats.protocol import (
    Finding,
    Label,
    LabelledImage,
    ReadDataset,
    Report,
    Source,
    WrittenDataset,
    WrittenFile,
    WrittenImage,
)
from datasets.formats.splits import split_in
from datasets.formats.tree import Tree
from utils import InvalidInput

_HEAD_BYTES = 64 * 1024
# One for all: `json.dumps` would make one for each of many thousand rows.
_ENCODER = json.JSONEncoder(ensure_ascii=False, separators=(",", ":"))
_LOOKS_RIGHT = re.compile(rb'"(images|annotations|categories)"\s*:\s*\[')
_LISTS = ("images", "annotations", "categories")
# Files of the same images that hold something else than boxes.
_OTHER_KINDS = ("captions_", "panoptic_", "stuff_", "person_keypoints_")


class CocoFormat:
    """See the module."""

    name = "coco"
    carries = frozenset({"box"})

    def recognises(self, source: Source) -> bool:
        """See `DatasetFormat.recognises`."""
        return any(_looks_right(source, path) for path in _candidates(Tree(source)))

    def read(self, source: Source, report: Report) -> ReadDataset:
        """See `DatasetFormat.read`."""
        tree = Tree(source)
        files = list(_files(tree, report))
        if not files:
            raise InvalidInput(f"no COCO dataset: wanted a JSON file with the lists {', '.join(_LISTS)}")
        classes = dict.fromkeys(name for file in files for name in file.class_names())
        manifest = Manifest.read(source, self.name, report)
        return manifest.complete(classes, _images(tree, files, report))

    def write(self, dataset: WrittenDataset) -> Iterator[WrittenFile]:
        """See `DatasetFormat.write`."""
        names, manifest = UniqueNames(), ManifestWriter(self.name, dataset.classes)
        parts: dict[str, _Part] = defaultdict(lambda: _Part(dataset.classes))
        ids = itertools.count(1)
        for image_id, image in enumerate(dataset.images(), 1):
            file_name = names.take_image(image.name, image.format)
            parts[image.split].add(image_id, file_name, image, ids)
            yield manifest.add(f"images/{file_name}", image)
        for split, part in sorted(parts.items()) or [("", _Part(dataset.classes))]:
            yield WrittenFile(f"annotations/instances{'_' if split else ''}{split}.json", part.content())
        yield manifest.file()


def _candidates(tree: Tree) -> list[str]:
    found = [path for path in tree.ending("json") if posixpath.basename(path) != MANIFEST]
    boxes = [path for path in found if not posixpath.basename(path).startswith(_OTHER_KINDS)]
    return boxes or found


def _looks_right(source: Source, path: str) -> bool:
    with source.open(path) as stream:
        return bool(_LOOKS_RIGHT.search(stream.read(_HEAD_BYTES)))


def _files(tree: Tree, report: Report) -> Iterator[CocoFile]:
    for path in _candidates(tree):
        if _looks_right(tree.source, path):
            file = CocoFile(tree, path, split_in(posixpath.basename(path)) or tree.split_of(path), report)
            if file.is_whole():
                yield file


def _images(tree: Tree, files: list[CocoFile], report: Report) -> Iterator[LabelledImage]:
    """The images that the files list, then those beside them that none lists."""
    seen: set[str] = set()
    for file in files:
        for line, image in file.images():
            if image.path in seen:
                report(Finding(file.path, line, f"the image '{image.path}' is listed twice: the first time counts"))
                continue
            seen.add(image.path)
            yield image
    yield from tree.beside(seen)


class _Part:
    """One JSON file as it grows."""

    def __init__(self, classes: tuple[str, ...]):
        self._images: list[str] = []
        self._annotations: list[str] = []
        self._ids = {name: index for index, name in enumerate(classes, 1)}

    def add(self, image_id: int, file_name: str, image: WrittenImage, ids: Iterator[int]) -> None:
        row = {"id": image_id, "file_name": file_name, "width": image.width, "height": image.height}
        self._images.append(_json(row))
        self._annotations += [self._annotation(next(ids), image_id, image, label) for label in image.labels or ()]

    def _annotation(self, annotation_id: int, image_id: int, image: WrittenImage, label: Label) -> str:
        if label.box is None:
            raise InvalidInput("COCO holds boxes, and these labels are of whole images: choose folders or csv")
        bbox = _bbox(label.box, image)
        row: dict[str, Any] = {
            "id": annotation_id,
            "image_id": image_id,
            "category_id": self._ids[label.class_name],
            "bbox": bbox,
            "area": round(bbox[2] * bbox[3], 2),
            "iscrowd": 0,
            "segmentation": [],
            EXACT: label.box,
        }
        return _json(row)

    def content(self) -> bytes:
        categories = [_json({"id": index, "name": name, "supercategory": ""}) for name, index in self._ids.items()]
        lists = zip(_LISTS, (self._images, self._annotations, categories), strict=True)
        texts = (f'"{name}": [\n' + ",\n".join(rows) + "\n]" for name, rows in lists)
        return ("{\n" + ",\n".join(texts) + "\n}\n").encode()


def _bbox(box: Box, image: WrittenImage) -> list[float]:
    left, top, right, bottom = edges_of(box, image.width, image.height)
    return [round(number, 4) for number in (left, top, right - left, bottom - top)]


def _json(value: Any) -> str:
    return _ENCODER.encode(value)
