"""A folder of the user's own, in one of two layouts that are told apart by what lies in it."""

from __future__ import annotations

from pathlib import Path

from demo.class_folders import find_classes, read_classes
from demo.examples import Material
from demo.layout import LayoutError
from demo.yolo_folders import find_parts, read_parts

CLASSIFICATION_EPOCHS = 15
DETECTION_EPOCHS = 20
WANTED = (
    "wanted: one folder a class with its images in it, for classification; or the YOLO layout, for detection: "
    "a data.yaml, or images/ and labels/, or train/images and train/labels"
)

__all__ = ["LayoutError", "read_folder"]


def read_folder(folder: Path) -> Material:
    """Find out the layout and read it; the test or validation part is kept back, else a fifth.

    Raises:
        LayoutError: no such folder, an unknown layout, or no images; says what was found and what is wanted.
    """
    if not folder.is_dir():
        raise LayoutError(f"there is no folder {folder}")
    if parts := find_parts(folder):
        classes, uploads, kept = read_parts(folder, parts)
        kind, epochs = "detection", DETECTION_EPOCHS
    elif by_class := find_classes(folder):
        classes, uploads, kept = read_classes(by_class)
        kind, epochs = "classification", CLASSIFICATION_EPOCHS
    else:
        entries = sorted(path.name + "/" * path.is_dir() for path in folder.iterdir())
        found = ", ".join(entries[:8]) + (" ..." if len(entries) > 8 else "") or "nothing"
        raise LayoutError(f"{folder} has a layout that is not known. Found: {found}; {WANTED}")
    if not uploads:
        raise LayoutError(f"{folder} holds no images; {WANTED}")
    return Material(f"Images of {folder}", kind, classes, tuple(uploads), tuple(kept), epochs)
