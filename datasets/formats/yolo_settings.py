"""`data.yaml` of a YOLO dataset: its classes, and which images are in which split."""

from __future__ import annotations

import json
import posixpath
from collections import defaultdict
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any

from datasets.formats.protocol import SPLITS, Finding, Report
from datasets.formats.safe_yaml import MOST_YAML_BYTES, load_yaml
from datasets.formats.splits import UNASSIGNED
from datasets.formats.texts import lines_of, read_text
from datasets.formats.tree import Tree
from utils import some_of

_CLASS_FILES = ("classes.txt", "obj.names")
_MOST_CANDIDATES = 20
_MOST_LIST_BYTES = 32 * 1024 * 1024
_MOST_CLASSES = 10_000


@dataclass
class YoloSettings:
    """What stands in `data.yaml`, or in the file of class names that older tools write.

    Attributes:
        names: class names by index.
        folders: splits by the folders whose images they hold.
        listed: splits by image, where a text file lists them.
    """

    path: str
    names: dict[int, str]
    folders: dict[str, set[str]] = field(default_factory=lambda: defaultdict(set))
    listed: dict[str, str] = field(default_factory=dict)

    @property
    def classes(self) -> tuple[str, ...]:
        """Class names in the order of their indexes, each once."""
        return tuple(dict.fromkeys(self.names[index] for index in sorted(self.names)))

    def covers(self, image: str) -> bool:
        """Whether an image is part of the dataset; every one is when nothing is said about splits."""
        if not self.folders and not self.listed:
            return True
        return image in self.listed or any(image.startswith(folder) for folder in self.folders)

    def split_of(self, image: str, tree: Tree) -> str:
        """The split of an image; a folder that stands for several splits decides nothing."""
        if image in self.listed:
            return self.listed[image]
        holding = [folder for folder in self.folders if image.startswith(folder)]
        splits = self.folders[max(holding, key=len)] if holding else set()
        unassigned = UNASSIGNED in image.split("/")[:-1]
        return next(iter(splits)) if len(splits) == 1 and not unassigned else tree.split_of(image)


def settings_text(classes: tuple[str, ...], folders: set[str]) -> str:
    """A `data.yaml`; images of no split are trained on.

    Args:
        folders: below `images` that hold images; an empty one stands for `images` itself.
    """
    train = [f"images/{name}".rstrip("/") for name in ("", "train", UNASSIGNED) if name in folders]
    val = ["images/val"] if "val" in folders else train
    lines = ["path: .", f"train: {json.dumps(train)}", f"val: {json.dumps(val)}"]
    lines += ["test: images/test"] if "test" in folders else []
    # A JSON string is a YAML string too.
    names = [f"  {index}: {json.dumps(name, ensure_ascii=False)}" for index, name in enumerate(classes)]
    return "\n".join([*lines, "names:" if names else "names: []", *names, ""])


def find_settings(tree: Tree, report: Report) -> YoloSettings | None:
    """The settings of a dataset; None when there are none. Broken ones are reported."""
    candidates = [*tree.ending("yaml", "yml")][:_MOST_CANDIDATES]
    for path in candidates:
        try:
            content = load_yaml(read_text(tree.source, path, MOST_YAML_BYTES))
        except ValueError as error:
            report(Finding(path, None, str(error)))
            continue
        if isinstance(content, dict) and "names" in content:
            return _settings(tree, path, content, report)
    return _from_class_file(tree, report)


def _settings(tree: Tree, path: str, content: dict[str, Any], report: Report) -> YoloSettings | None:
    try:
        settings = YoloSettings(path, _names(tree, path, content["names"]))
    except ValueError as error:
        report(Finding(path, None, str(error)))
        return None
    count = content.get("nc", "")
    if count and count != str(len(settings.names)):
        report(Finding(path, None, f"nc is {str(count)[:20]}, and {len(settings.names)} names are given: these count"))
    if len(settings.classes) < len(settings.names):
        report(Finding(path, None, "some names are there twice: each is taken for one class"))
    for split in SPLITS:
        for entry in _entries(content, split):
            _add_entry(tree, settings, split, entry, str(content.get("path", "")), report)
    return settings


def _names(tree: Tree, path: str, value: Any) -> dict[int, str]:
    if isinstance(value, str) and value:
        value = _lines(tree, tree.find(value, posixpath.dirname(path)))
    if isinstance(value, list):
        value = {str(index): name for index, name in enumerate(value)}
    if not isinstance(value, dict):
        raise ValueError("names must be a list of class names, or a mapping from index to name")
    if len(value) > _MOST_CLASSES:
        raise ValueError(f"{len(value):,} names, allowed are {_MOST_CLASSES:,}")
    wrong = [
        str(key)[:50] for key, name in value.items() if not _is_index(key) or not isinstance(name, str) or not name
    ]
    if wrong:
        raise ValueError(f"names must map indexes (0, 1, ...) to names; it does not for {some_of(wrong)}")
    return {int(key): name.strip() for key, name in value.items()}


def _is_index(key: Any) -> bool:
    return isinstance(key, str) and key.isascii() and key.isdigit() and len(key) < 7


def _lines(tree: Tree, path: str) -> list[str]:
    return [line for _, line in lines_of(read_text(tree.source, path))]


def _entries(content: dict[str, Any], split: str) -> Iterator[str]:
    value = content.get(split) or (content.get("valid") if split == "val" else None) or []
    entries = value if isinstance(value, list) else [value]
    return (entry for entry in entries if isinstance(entry, str) and entry)


def _add_entry(tree: Tree, settings: YoloSettings, split: str, entry: str, base: str, report: Report) -> None:
    """Take in one entry of a split: a folder, or a text file that lists images."""
    try:
        if entry.lower().endswith(".txt"):
            _add_list(tree, settings, split, tree.find(entry, posixpath.dirname(settings.path)), report)
        else:
            settings.folders[_folder(tree, posixpath.dirname(settings.path), base, entry)].add(split)
    except ValueError as error:
        report(Finding(settings.path, None, f"{split}: {error}"))


def _add_list(tree: Tree, settings: YoloSettings, split: str, path: str, report: Report) -> None:
    for number, line in lines_of(read_text(tree.source, path, _MOST_LIST_BYTES)):
        try:
            settings.listed[tree.find(line, posixpath.dirname(path), split)] = split
        except ValueError as error:
            report(Finding(path, number, str(error)))


def _folder(tree: Tree, here: str, base: str, entry: str) -> str:
    """The folder that an entry means, with a slash at its end.

    The path in it is often that of the machine where the file was written, so parts are left off at its beginning until
    it fits.
    """
    for text in (posixpath.join(base, entry), entry):
        parts = [part for part in text.replace("\\", "/").split("/") if part not in ("", ".", "..")]
        for first in range(max(len(parts), 1)):
            folder = "/".join(part for part in [here, *parts[first:]] if part)
            if folder == "" or folder in tree.folders:
                return f"{folder}/" if folder else ""
    raise ValueError(f"the folder '{entry[:200]}' is not there: add it, or correct its name")


def _from_class_file(tree: Tree, report: Report) -> YoloSettings | None:
    stems = {posixpath.basename(posixpath.splitext(image)[0]) for image in tree.images}
    if not any(posixpath.basename(name)[:-4] in stems for name in tree.ending("txt")):
        return None
    for path in tree.ending("txt", "names"):
        if posixpath.basename(path).lower() in _CLASS_FILES:
            try:
                return YoloSettings(path, dict(enumerate(_lines(tree, path))))
            except ValueError as error:
                report(Finding(path, None, str(error)))
    return None
