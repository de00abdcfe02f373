"""How other tools name the parts of a dataset."""

from __future__ import annotations

import re
from collections.abc import Callable

from datasets.formats.protocol import WrittenDataset, WrittenImage

# Where an export keeps the images that belong to no part while others do.
UNASSIGNED = "unassigned"
_WORDS = {
    "train": "train",
    "training": "train",
    "trainval": "train",
    "val": "val",
    "valid": "val",
    "validation": "val",
    "dev": "val",
    "test": "test",
    "testing": "test",
    UNASSIGNED: "",
}
_IN_TEXT = re.compile(r"(?<![a-z])(training|trainval|train|validation|valid|val|testing|test)(?![a-z])")


def split_of_word(text: str) -> str | None:
    """The split that a word stands for; None when it stands for none."""
    return _WORDS.get(text.strip().lower())


def split_in(text: str) -> str:
    """The split that a name such as `instances_train2017.json` speaks of; empty when it speaks of none or several."""
    found = {_WORDS[word] for word in _IN_TEXT.findall(text.lower())}
    return found.pop() if len(found) == 1 else ""


def has_splits(dataset: WrittenDataset) -> bool:
    """Whether any image is in a split."""
    return any(image.split for image in dataset.images())


def split_folders(dataset: WrittenDataset) -> Callable[[WrittenImage], str]:
    """In which folder of an export an image belongs by its split; none (empty) when no image has a split."""
    if has_splits(dataset):
        return lambda image: image.split or UNASSIGNED
    return lambda image: ""
