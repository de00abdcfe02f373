"""What both layouts of a folder share."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import TypeVar

from demo.examples import keep_back

# TIFF and GIF are not allowed; DIYML says so better than silence here would.
SUFFIXES = {".jpg", ".jpeg", ".png", ".webp", ".bmp", ".gif", ".tif", ".tiff"}
VALIDATION = ("val", "valid", "validation")
PARTS = ("train", *VALIDATION, "test")
T = TypeVar("T")


class LayoutError(Exception):
    """A folder that cannot be read as a data set; the message is for its owner."""


def images_in(folder: Path) -> list[Path]:
    """Image files in a folder and the folders in it, by name."""
    return sorted(path for path in folder.rglob("*") if path.suffix.lower() in SUFFIXES and path.is_file())


def choose_kept(parts: Mapping[str, list[T]]) -> tuple[list[T], list[T]]:
    """What to upload and what to keep back: the test part, else the validation part, else a fifth of all.

    Args:
        parts: items by the name of their part, `train` among them where there is more than one.
    """
    filled = {name: items for name, items in parts.items() if items}
    for name in ("test", *VALIDATION):
        if name in filled and len(filled) > 1:
            return [item for other, items in filled.items() if other != name for item in items], filled[name]
    return keep_back([item for items in filled.values() for item in items])
