"""One folder a class: the layout of a classification data set."""

from __future__ import annotations

from collections import defaultdict
from pathlib import Path

from demo.examples import Example, keep_back
from demo.layout import PARTS, choose_kept, images_in

Classes = dict[str, list[Path]]


def find_classes(folder: Path) -> dict[str, Classes]:
    """Images by part and class; the one part is called `train` when the classes lie in the folder itself."""
    parts = {name: _classes_in(folder / name) for name in PARTS if (folder / name).is_dir()}
    if parts.get("train"):
        return {name: classes for name, classes in parts.items() if classes}
    classes = _classes_in(folder)
    return {"train": classes} if classes else {}


def _classes_in(folder: Path) -> Classes:
    folders = sorted(path for path in folder.iterdir() if path.is_dir() and not path.name.startswith("."))
    return {path.name: images for path in folders if (images := images_in(path))}


def read_classes(parts: dict[str, Classes]) -> tuple[tuple[str, ...], list[Example], list[Example]]:
    """Class names, images to upload, and images to keep back."""
    names = tuple(sorted({name for classes in parts.values() for name in classes}))
    labelled = {
        part: [(path, names.index(name)) for name, paths in classes.items() for path in paths]
        for part, classes in parts.items()
    }
    uploads, kept = choose_kept(labelled) if len(labelled) > 1 else _keep_of_each(labelled["train"])
    examples = [_example(number, path, index) for number, (path, index) in enumerate(uploads + kept)]
    return names, examples[: len(uploads)], examples[len(uploads) :]


def _keep_of_each(labelled: list[tuple[Path, int]]) -> tuple[list[tuple[Path, int]], list[tuple[Path, int]]]:
    by_class = defaultdict(list)
    for item in labelled:
        by_class[item[1]].append(item)
    halves = [keep_back(items) for items in by_class.values()]
    return [item for half, _ in halves for item in half], [item for _, half in halves for item in half]


def _example(number: int, path: Path, index: int) -> Example:
    return Example(f"img_{number:05d}{path.suffix.lower()}", path, (str(index),))
