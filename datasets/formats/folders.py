"""Folders: one a class, with its images in it; one a split around them when there are splits."""

from __future__ import annotations

import posixpath
from collections.abc import Iterator

from datasets.formats.manifest import Manifest, ManifestWriter
from datasets.formats.names import UniqueNames
from datasets.formats.protocol import (
    Label,
    LabelledImage,
    ReadDataset,
    Report,
    Source,
    WrittenDataset,
    WrittenFile,
    WrittenImage,
)
from datasets.formats.splits import has_splits, split_folders, split_of_word
from datasets.formats.tree import Tree
from utils import InvalidInput


class FoldersFormat:
    """See the module."""

    name = "folders"
    carries = frozenset({"image"})

    def recognises(self, source: Source) -> bool:
        """See `DatasetFormat.recognises`."""
        return bool(Tree(source).images)

    def read(self, source: Source, report: Report) -> ReadDataset:
        """See `DatasetFormat.read`."""
        tree = Tree(source)
        manifest = Manifest.read(source, self.name, report)
        if not tree.images and not manifest.format_name:
            raise InvalidInput("no image in it: wanted a folder a class, with JPEG, PNG, WebP or BMP files")
        layout = _Layout(tree, manifest)
        classes = sorted({label.class_name for image in layout.images() for label in image.labels or ()})
        return manifest.complete(classes, layout.images(), tells_nothing_apart=False)

    def write(self, dataset: WrittenDataset) -> Iterator[WrittenFile]:
        """See `DatasetFormat.write`."""
        names, manifest = UniqueNames(), ManifestWriter(self.name, dataset.classes)
        split_folder, class_names = split_folders(dataset), UniqueNames()
        class_folder = {name: class_names.take(name) for name in dataset.classes}
        for image in dataset.images():
            folder = class_folder[_class_of(image)] if image.labels else ""
            file_name = names.take_image(image.name, image.format)
            yield manifest.add(posixpath.join(split_folder(image), folder, file_name), image)
        class_names_by_folder = {folder: name for name, folder in class_folder.items()}
        yield manifest.file(class_folders=class_names_by_folder, split_folders=has_splits(dataset))


def _class_of(image: WrittenImage) -> str:
    labels = image.labels or ()
    if len(labels) != 1 or labels[0].box is not None:
        raise InvalidInput(f"folders hold one class an image, '{image.name}' has boxes or several: choose yolo or csv")
    return labels[0].class_name


class _Layout:
    """Which folders are splits and which are classes."""

    def __init__(self, tree: Tree, manifest: Manifest):
        self._tree = tree
        folders = manifest.more.get("class_folders")
        self._class_names = folders if isinstance(folders, dict) else {}
        self._root = manifest.folder if manifest.format_name else _wrapper(tree.images)
        self._has_splits = manifest.more.get("split_folders", self._looks_split())

    def _looks_split(self) -> bool:
        top = {path.split("/")[0] for path in map(self._inner, self._tree.images) if "/" in path}
        return bool(top) and all(split_of_word(folder) is not None for folder in top)

    def images(self) -> Iterator[LabelledImage]:
        """Every image with the class of its folder; one that lies in none is not labelled."""
        for path in self._tree.images:
            parts = self._inner(path).split("/")[:-1]
            split = (split_of_word(parts.pop(0)) or "") if self._has_splits and parts else ""
            labels = (Label(str(self._class_names.get(parts[0], parts[0]))),) if parts else None
            yield LabelledImage(path, labels, split)

    def _inner(self, path: str) -> str:
        return path[len(self._root) :]


def _wrapper(images: list[str]) -> str:
    """The folder around all class folders, with a slash at its end.

    A folder that holds nothing but images is a class, and one called like a split is a split.
    """
    root = ""
    while True:
        top = {path[len(root) :].split("/")[0] for path in images}
        folder = top.pop()
        deeper = f"{root}{folder}/"
        direct = all("/" not in path[len(deeper) :] for path in images)
        if top or direct or split_of_word(folder) is not None:
            return root
        root = deeper
