"""Sources in memory, and datasets that are written into one."""

from __future__ import annotations

import hashlib
import io
from collections.abc import Sequence
from typing import BinaryIO

from datasets.formats.protocol import (
    DatasetFormat,
    Finding,
    Label,
    LabelledImage,
    WrittenDataset,
    WrittenFile,
    WrittenImage,
)
from datasets.formats.registry import FORMATS
from tests.conftest import picture
from utils import InvalidInput

WIDTH, HEIGHT = 40, 30
PICTURE = picture(WIDTH, HEIGHT)


class MemorySource:
    """Files by name; texts may be given as strings."""

    def __init__(self, files: dict[str, bytes | str]):
        self.files = {name: text.encode() if isinstance(text, str) else text for name, text in files.items()}

    def names(self) -> Sequence[str]:
        return list(self.files)

    def size(self, name: str) -> int:
        return len(self.files[name])

    def read(self, name: str, most_bytes: int) -> bytes:
        if len(self.files[name]) > most_bytes:
            raise InvalidInput(f"more than {most_bytes} bytes")
        return self.files[name]

    def open(self, name: str) -> BinaryIO:
        return io.BytesIO(self.files[name])


def written_image(name: str, labels: tuple[Label, ...] | None, split: str = "", *tags: str) -> WrittenImage:
    """A stored picture of 40 x 30 pixels."""
    sha256 = hashlib.sha256(PICTURE).hexdigest()
    return WrittenImage(name, name, sha256, "PNG", WIDTH, HEIGHT, labels, split, tags, len(PICTURE))


def files_of(format_name: str, classes: tuple[str, ...], *images: WrittenImage) -> list[WrittenFile]:
    """What a format writes."""
    return list(FORMATS[format_name].write(WrittenDataset(classes, lambda: images)))


def source_of(files: list[WrittenFile]) -> MemorySource:
    """Written files as a source."""
    assert len({file.path for file in files}) == len(files)
    return MemorySource({file.path: PICTURE if file.content is None else file.content for file in files})


def read(
    format_name: str, files: dict[str, bytes | str] | MemorySource
) -> tuple[tuple[str, ...], dict[str, LabelledImage], list[Finding]]:
    """Classes, images by path, and findings of a source."""
    source = files if isinstance(files, MemorySource) else MemorySource(files)
    findings: list[Finding] = []
    format: DatasetFormat = FORMATS[format_name]
    dataset = format.read(source, findings.append)
    images = list(dataset.images)
    assert len({image.path for image in images}) == len(images)
    return dataset.classes, {image.path: image for image in images}, findings
