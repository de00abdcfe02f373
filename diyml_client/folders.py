"""Images on disk and what is known of them."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from diyml_client.errors import InvalidRequest

SUFFIXES = frozenset({".jpg", ".jpeg", ".png", ".webp", ".bmp"})
# A class name, label lines, or annotations; None for an image that nobody has labelled.
LabelsOfOne = str | Sequence[Mapping[str, Any]] | None
Labels = str | Mapping[str, LabelsOfOne] | Callable[[Path], LabelsOfOne] | None
LAYOUTS = ("auto", "folders", "yolo", "none")


@dataclass(frozen=True)
class LocalImage:
    """A file to be uploaded under a name."""

    name: str
    path: Path
    labels: LabelsOfOne = None
    size: int = 0


def found_in(source: Path | str | Sequence[Path | str], labels: Labels = None) -> list[LocalImage]:
    """The images of a folder with all below it, or of some files.

    A file that lies deeper gets its folders into its name, joined by `_`: names hold no `/`, and are the same in
    every run, however the folder grows meanwhile.

    Raises:
        InvalidRequest: there is none, or two would have the same name.
    """
    if isinstance(source, (str, Path)):
        root, paths = Path(source), [*_below(Path(source))]
    else:
        root, paths = None, [Path(path) for path in source]
    found = _named(root, paths)
    if not found:
        raise InvalidRequest(f"no image in {source}: {', '.join(sorted(SUFFIXES))} are looked for")
    find = _finder(root, labels, paths)
    return [LocalImage(name, path, find(name, path), path.stat().st_size) for name, path in found.items()]


def classes_of(images: Sequence[LocalImage], labels: Labels, root: Path) -> list[str]:
    """The classes that folders name, sorted; none where folders name none."""
    if labels == "auto":
        labels = _guessed(root, [image.path for image in images])
    return sorted({str(image.labels) for image in images if image.labels}) if labels == "folders" else []


def _below(source: Path) -> Iterator[Path]:
    if not source.exists():
        raise InvalidRequest(f"there is no {source}")
    if source.is_file():
        yield source
        return
    for path in sorted(source.rglob("*")):
        hidden = any(part.startswith(".") for part in path.relative_to(source).parts)
        if path.suffix.lower() in SUFFIXES and not hidden and path.is_file():
            yield path


def _named(root: Path | None, paths: Sequence[Path]) -> dict[str, Path]:
    found: dict[str, Path] = {}
    for path in paths:
        if not path.is_file():
            raise InvalidRequest(f"there is no file {path}")
        inside = path.relative_to(root) if root and root.is_dir() else Path(path.name)
        name = "_".join(inside.parts)
        if name in found:
            raise InvalidRequest(f"{path} and {found[name]} would both be named {name}: rename one of them")
        found[name] = path
    return found


def _finder(root: Path | None, labels: Labels, paths: Sequence[Path]) -> Callable[[str, Path], LabelsOfOne]:
    if labels == "auto":
        labels = _guessed(root, paths)
    if labels is None or labels == "none":
        return lambda name, path: None
    if labels == "folders":
        return lambda name, path: path.parent.name if root is None or path.parent != root else None
    if labels == "yolo":
        return lambda name, path: _lines_beside(path)
    if isinstance(labels, str):
        raise InvalidRequest(f"labels must be one of {', '.join(LAYOUTS)}, a dict or a function, got '{labels}'")
    if isinstance(labels, Mapping):
        given = labels
        return lambda name, path: given.get(name, given.get(path.name))
    ask = labels
    return lambda name, path: ask(path)


def _guessed(root: Path | None, paths: Sequence[Path]) -> str:
    if any(_label_file(path) for path in paths):
        return "yolo"
    deeper = root is not None and any(path.parent != root for path in paths if root.is_dir())
    return "folders" if deeper else "none"


def _label_file(path: Path) -> Path | None:
    """The .txt of an image: beside it, or in the folder `labels` that lies beside its `images`."""
    parts = list(path.parts)
    places = [path.with_suffix(".txt")]
    if "images" in parts:
        last = len(parts) - 1 - parts[::-1].index("images")
        places.append(Path(*parts[:last], "labels", *parts[last + 1 :]).with_suffix(".txt"))
    return next((place for place in places if place.is_file()), None)


def _lines_beside(path: Path) -> LabelsOfOne:
    """Label lines; an empty file is an image with nothing on it, and none is an image that nobody has labelled."""
    file = _label_file(path)
    return file.read_text(encoding="utf-8-sig").strip() if file else None
