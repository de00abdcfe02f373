"""What a cell says of the part that its row is in."""

from __future__ import annotations

from datasets.formats.splits import split_of_word
from datasets.tables.schema import TEST_PART, TRAIN_PART, VAL_PART

_PARTS = {"train": TRAIN_PART, "val": VAL_PART, "test": TEST_PART}


def part_of(cell: str) -> int | None:
    """The part that a word stands for, in any case of letters; None when it stands for none."""
    return _PARTS.get(split_of_word(cell) or "")
