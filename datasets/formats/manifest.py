"""`diyml.json`: what an export says beside the files of its format, so that an import of it gives the same dataset."""

from __future__ import annotations

import dataclasses
import json
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from typing import Any

from datasets.formats.json_items import JsonDocument
from datasets.formats.protocol import (
    SPLITS,
    Finding,
    LabelledImage,
    ReadDataset,
    Report,
    Source,
    WrittenFile,
    WrittenImage,
)

MANIFEST = "diyml.json"
MOST_MANIFEST_BYTES = 64 * 1024 * 1024
_VERSION = 1
_HEAD = ("format", "version", "classes")


class ManifestWriter:
    """Gathers a line an image while an export is written."""

    def __init__(self, format_name: str, classes: tuple[str, ...]):
        self._head = dict(zip(_HEAD, (format_name, _VERSION, classes), strict=True))
        self._rows: list[bytes] = []

    def add(self, path: str, image: WrittenImage) -> WrittenFile:
        """Note an image and where it lies; gives its file."""
        row = {
            "path": path,
            "name": image.name,
            "sha256": image.sha256,
            "split": image.split,
            "tags": image.tags,
            "labelled": image.labels is not None,
        }
        self._rows.append(_json(row))
        return WrittenFile(path, image=image)

    def file(self, **more: Any) -> WrittenFile:
        """The manifest, when all images are in it.

        Args:
            more: what the format itself wants to read again.
        """
        head = b",\n".join(_json(key) + b": " + _json(value) for key, value in {**self._head, **more}.items())
        rows = b",\n".join(self._rows)
        return WrittenFile(MANIFEST, b"{\n" + head + b',\n"images": [\n' + rows + b"\n]\n}\n")


@dataclass(frozen=True)
class _Entry:
    name: str
    split: str
    tags: tuple[str, ...]
    labelled: bool


class Manifest:
    """What an export of ours says about its images; says nothing when there is none, or it is of another format.

    Attributes:
        folder: that it lies in, with a slash at its end, since people zip the folder that they unpacked.
        more: what else the format has written.
    """

    def __init__(
        self,
        format_name: str = "",
        folder: str = "",
        classes: tuple[str, ...] = (),
        more: dict[str, Any] | None = None,
    ):
        self.format_name = format_name
        self.folder = folder
        self.classes = classes
        self.more = more or {}
        self._entries: dict[str, _Entry] = {}

    @classmethod
    def read(cls, source: Source, format_name: str, report: Report) -> Manifest:
        """The manifest of a source; broken entries are reported and left out."""
        path = manifest_path(source)
        try:
            document = JsonDocument(source, path, MOST_MANIFEST_BYTES) if path else None
            if document is None or document.value("format") != format_name:
                return cls()
            return cls._of(document, path, report)
        except ValueError as error:
            report(Finding(path, None, f"{error}; names, tags and splits that it holds are left out"))
            return cls()

    @classmethod
    def _of(cls, document: JsonDocument, path: str, report: Report) -> Manifest:
        if document.value("version") != _VERSION:
            raise ValueError(f"version {document.value('version')!r} of the manifest, wanted {_VERSION}")
        classes = _strings(document.value("classes"), "classes")
        more = {key: document.value(key) for key in document.names() - {"images", *_HEAD}}
        manifest = cls(document.value("format"), path.removesuffix(MANIFEST), classes, more)
        for item in document.items("images"):
            try:
                name, entry = _entry(document.load(item))
                manifest._entries[manifest.folder + name] = entry
            except ValueError as error:
                report(Finding(path, item.line, str(error)))
        return manifest

    def knows(self, path: str) -> bool:
        """Whether it names this file."""
        return path in self._entries

    def complete(
        self, classes: Iterable[str], images: Iterator[LabelledImage], tells_nothing_apart: bool = True
    ) -> ReadDataset:
        """A dataset as the files say, with what only the manifest knows.

        Labels and splits in the files may have been edited since; what the files leave open is taken from here.

        Args:
            tells_nothing_apart: in this format an image that shows nothing looks other than one nobody has labelled.
        """

        def completed(image: LabelledImage) -> LabelledImage:
            entry = self._entries.get(image.path)
            if entry is None:
                return image
            labels, split = image.labels, image.split or entry.split
            if labels == () and not entry.labelled:
                labels = None
            elif labels is None and entry.labelled and not tells_nothing_apart:
                labels = ()
            return dataclasses.replace(image, name=entry.name, tags=entry.tags, labels=labels, split=split)

        more = tuple(name for name in classes if name not in self.classes)
        return ReadDataset(self.classes + more, map(completed, images))


def manifest_path(source: Source) -> str:
    """Where the manifest lies, in the fewest folders; empty when there is none."""
    found = [name for name in source.names() if name == MANIFEST or name.endswith(f"/{MANIFEST}")]
    return min(found, key=lambda name: (name.count("/"), name), default="")


def manifest_format(source: Source) -> str:
    """The format that an export of ours says it is of; empty when the source is none."""
    path = manifest_path(source)
    try:
        return str(JsonDocument(source, path, MOST_MANIFEST_BYTES).value("format")) if path else ""
    except ValueError:
        return ""


def _entry(row: Any) -> tuple[str, _Entry]:
    if not isinstance(row, dict) or not all(isinstance(row.get(key), str) for key in ("path", "name", "split")):
        raise ValueError("wanted an object with path, name and split as strings")
    if row["split"] not in ("", *SPLITS):
        raise ValueError(f"split must be one of {', '.join(SPLITS)} or empty, got '{row['split'][:50]}'")
    if not isinstance(row.get("labelled"), bool):
        raise ValueError("labelled must be true or false")
    return row["path"], _Entry(row["name"], row["split"], _strings(row.get("tags"), "tags"), row["labelled"])


def _strings(value: Any, name: str) -> tuple[str, ...]:
    if not isinstance(value, list) or not all(isinstance(item, str) for item in value):
        raise ValueError(f"{name} must be a list of strings")
    return tuple(value)


def _json(value: Any) -> bytes:
    return json.dumps(value, ensure_ascii=False, separators=(",", ":")).encode()
