"""Pascal VOC: an XML file an image, boxes in pixels, and lists of names as splits.

http://host.robots.ox.ac.uk/pascal/VOC/voc2012/htmldoc/ describes it. Edges are taken as they stand, as most tools of
today write them, and not as counted from 1.
"""

from __future__ import annotations

import posixpath
from collections import defaultdict
from collections.abc import Iterator
from xml.sax.saxutils import escape

from datasets.formats.manifest import Manifest, ManifestWriter
from datasets.formats.names import UniqueNames
from datasets.formats.pixels import edges_of
from datasets.formats.protocol import (
    SPLITS,
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
from datasets.formats.texts import lines_of, read_text
from datasets.formats.tree import Tree
from datasets.formats.voc_file import BOX, EDGES, EXACT, VocFile, class_names, whole_edges
from utils import InvalidInput

_HEAD_BYTES = 4096


class VocFormat:
    """See the module."""

    name = "voc"
    carries = frozenset({"box"})

    def recognises(self, source: Source) -> bool:
        """See `DatasetFormat.recognises`."""
        return any(_looks_right(source, path) for path in Tree(source).ending("xml"))

    def read(self, source: Source, report: Report) -> ReadDataset:
        """See `DatasetFormat.read`."""
        tree = Tree(source)
        paths = [path for path in tree.ending("xml") if _looks_right(source, path)]
        manifest = Manifest.read(source, self.name, report)
        if not paths and not manifest.format_name:
            raise InvalidInput("no VOC dataset: wanted an XML file an image, with an <annotation> in it")
        classes = sorted({name for path in paths for name in class_names(source, path)})
        return manifest.complete(classes, _images(tree, paths, manifest, report))

    def write(self, dataset: WrittenDataset) -> Iterator[WrittenFile]:
        """See `DatasetFormat.write`."""
        names, manifest = UniqueNames(), ManifestWriter(self.name, dataset.classes)
        splits: dict[str, list[str]] = defaultdict(list)
        for image in dataset.images():
            file_name = names.take_image(image.name, image.format)
            stem = posixpath.splitext(file_name)[0]
            splits[image.split].append(f"{stem}\n")
            yield manifest.add(f"JPEGImages/{file_name}", image)
            if image.labels is not None:
                yield WrittenFile(f"Annotations/{stem}.xml", _xml(file_name, image).encode())
        for split in SPLITS:
            if split in splits:
                yield WrittenFile(f"ImageSets/Main/{split}.txt", "".join(splits[split]).encode())
        yield manifest.file()


def _looks_right(source: Source, path: str) -> bool:
    with source.open(path) as stream:
        return b"<annotation" in stream.read(_HEAD_BYTES)


def _images(tree: Tree, paths: list[str], manifest: Manifest, report: Report) -> Iterator[LabelledImage]:
    splits = _splits(tree, report)
    seen: set[str] = set()
    for path in paths:
        try:
            image = VocFile(tree, path, report).image()
            if image.path in seen:
                raise ValueError(f"another file has the labels of '{image.path}': that one counts")
        except ValueError as error:
            report(Finding(path, None, str(error)))
            continue
        seen.add(image.path)
        yield _in_split(image, tree, splits)
    for image in tree.beside(seen, lambda path: manifest.knows(path) or "JPEGImages" in path.split("/")):
        yield _in_split(image, tree, splits)


def _in_split(image: LabelledImage, tree: Tree, splits: dict[str, str]) -> LabelledImage:
    stem = posixpath.splitext(posixpath.basename(image.path))[0]
    return LabelledImage(image.path, image.labels, splits.get(stem) or tree.split_of(image.path))


def _splits(tree: Tree, report: Report) -> dict[str, str]:
    """The split of each name that the lists of `ImageSets/Main` hold; `trainval` counts for what no other list has."""
    found: dict[str, str] = {}
    for word, split in (("trainval", "train"), *zip(SPLITS, SPLITS, strict=True)):
        for path in tree.ending("txt"):
            if path.endswith(f"ImageSets/Main/{word}.txt"):
                try:
                    found.update((line.strip(), split) for _, line in lines_of(read_text(tree.source, path)))
                except ValueError as error:
                    report(Finding(path, None, f"{error}; the split is left out"))
    return found


def _xml(file_name: str, image: WrittenImage) -> str:
    objects = "".join(_object(label, image) for label in image.labels or ())
    size = f"<size><width>{image.width}</width><height>{image.height}</height><depth>3</depth></size>"
    return (
        f"<annotation>\n  <folder>JPEGImages</folder>\n  <filename>{escape(file_name)}</filename>\n  {size}\n"
        f"  <segmented>0</segmented>\n{objects}</annotation>\n"
    )


def _object(label: Label, image: WrittenImage) -> str:
    if label.box is None:
        raise InvalidInput("VOC holds boxes, and these labels are of whole images: choose folders or csv")
    edges = whole_edges(edges_of(label.box, image.width, image.height))
    bndbox = "".join(f"<{name}>{edge}</{name}>" for name, edge in zip(EDGES, edges, strict=True))
    exact = "".join(f"<{name}>{number!r}</{name}>" for name, number in zip(BOX, label.box, strict=True))
    return (
        f"  <object>\n    <name>{escape(label.class_name)}</name>\n    <pose>Unspecified</pose>\n"
        f"    <truncated>0</truncated>\n    <difficult>0</difficult>\n    <bndbox>{bndbox}</bndbox>\n"
        f"    <{EXACT}>{exact}</{EXACT}>\n  </object>\n"
    )
