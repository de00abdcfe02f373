"""The YOLO layout of a detection data set: images, and beside each a text file with its boxes."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import yaml

from demo.examples import Example
from demo.layout import PARTS, LayoutError, choose_kept, images_in

DESCRIPTIONS = ("data.yaml", "data.yml", "dataset.yaml")
NAMES_FILE = "classes.txt"
_NUMBERS = 5


def find_parts(folder: Path) -> dict[str, list[Path]]:
    """Images by part, as data.yaml names them or as they lie; empty when the layout is another.

    Raises:
        LayoutError: data.yaml cannot be read, or names folders that are not there.
    """
    description = _description(folder)
    if description:
        return {part: _listed(folder, description, part) for part in PARTS if description.get(part)}
    for pattern in ("{}/images", "images/{}"):
        parts = {part: folder / pattern.format(part) for part in PARTS}
        found = {part: images_in(path) for part, path in parts.items() if path.is_dir()}
        if any(found.values()):
            return found
    whole = folder / "images"
    return {"train": images_in(whole)} if whole.is_dir() and (folder / "labels").is_dir() else {}


def _description(folder: Path) -> dict[str, Any]:
    path = next((folder / name for name in DESCRIPTIONS if (folder / name).is_file()), None)
    if path is None:
        return {}
    try:
        content = yaml.safe_load(path.read_text())
    except (yaml.YAMLError, ValueError) as error:
        raise LayoutError(f"{path} is no YAML: {' '.join(str(error).split())}") from error
    if not isinstance(content, dict) or not any(content.get(part) for part in PARTS):
        raise LayoutError(f"{path} names no images: wanted a line such as 'train: train/images'")
    return content


def _listed(folder: Path, description: dict[str, Any], part: str) -> list[Path]:
    entry = description[part]
    base = folder / str(description.get("path") or "")
    paths: list[Path] = []
    for name in entry if isinstance(entry, list) else [entry]:
        # Exporters write paths as seen from a place of their own, such as ../train/images.
        tried = [base / str(name), folder / str(name), folder / str(name).removeprefix("../")]
        found = next((path for path in tried if path.is_dir()), None)
        if found is None:
            raise LayoutError(f"the data file names '{name}' as the {part} images, and there is no such folder")
        paths += images_in(found)
    return paths


def read_parts(folder: Path, parts: dict[str, list[Path]]) -> tuple[tuple[str, ...], list[Example], list[Example]]:
    """Class names, images to upload, and images to keep back (of whose labels only those that are boxes).

    Raises:
        LayoutError: no image has a label.
    """
    labels = {path: _lines(path) for paths in parts.values() for path in paths}
    if labels and not any(labels.values()):
        some = next(iter(labels))
        raise LayoutError(f"no image in {folder} has a box: the label file of {some} should be {_label_file(some)}")
    names = _names(folder, [line for lines in labels.values() for line in lines])
    uploads, kept = choose_kept(parts)
    examples = [_example(number, path, labels[path]) for number, path in enumerate(uploads)]
    held = [
        _example(number, path, [line for line in labels[path] if _is_box(line, len(names))])
        for number, path in enumerate(kept, len(uploads))
    ]
    return names, examples, held


def _lines(image: Path) -> list[str]:
    path = _label_file(image)
    text = path.read_text(errors="replace") if path.is_file() else ""
    return [line.strip() for line in text.splitlines() if line.strip()]


def _label_file(image: Path) -> Path:
    """`a/images/b/c.jpg` has its labels in `a/labels/b/c.txt`; without such a folder, beside itself."""
    parts = list(image.parts)
    if "images" in parts:
        parts[len(parts) - 1 - parts[::-1].index("images")] = "labels"
    return Path(*parts).with_suffix(".txt")


def _names(folder: Path, lines: list[str]) -> tuple[str, ...]:
    """Class names of data.yaml or classes.txt; without either, the indices in use."""
    names = _description(folder).get("names")
    if isinstance(names, dict):
        names = [names[index] for index in sorted(names)]
    if not names and (folder / NAMES_FILE).is_file():
        names = [line for line in (folder / NAMES_FILE).read_text().splitlines() if line.strip()]
    if not names:
        used = [int(index) for line in lines if (index := line.split()[0]).isdecimal()]
        names = [f"class {index}" for index in range(max(used, default=0) + 1)]
    return tuple(str(name).strip() for name in names)


def _is_box(line: str, classes: int) -> bool:
    fields = line.replace(",", " ").split()
    try:
        index, (_, _, width, height) = int(fields[0]), map(float, fields[1:])
    except ValueError:
        return False
    return len(fields) == _NUMBERS and 0 <= index < classes and width > 0 and height > 0


def _example(number: int, path: Path, lines: list[str]) -> Example:
    return Example(f"img_{number:05d}{path.suffix.lower()}", path, tuple(lines))
