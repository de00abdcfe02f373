"""What the story is told with: images and their labels, some to upload and some to keep back."""

from __future__ import annotations

import io
import random
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TypeVar

from PIL import Image, ImageOps

KEPT_BACK = 0.2
T = TypeVar("T")


@dataclass(frozen=True)
class Example:
    """One image.

    Attributes:
        name: of the data point.
        source: the file's content, or its path.
        labels: as the classic contract takes them, the class as an index: `3`, or `3 0.5 0.5 0.1 0.2`.
    """

    name: str
    source: bytes | Path
    labels: tuple[str, ...]

    def content(self) -> bytes:
        """The image file."""
        return self.source if isinstance(self.source, bytes) else self.source.read_bytes()

    def picture(self) -> Image.Image:
        """The image as DIYML sees it: RGB, turned as its EXIF data says."""
        with Image.open(io.BytesIO(self.content())) as image:
            return ImageOps.exif_transpose(image).convert("RGB")


@dataclass(frozen=True)
class Material:
    """One project's worth of images.

    Attributes:
        uploads: what the maker uploads.
        kept: what only the guest has, to measure with.
        image_size: side of the model's input, px; None leaves it to DIYML.
    """

    title: str
    project_type: str
    classes: tuple[str, ...]
    uploads: tuple[Example, ...]
    kept: tuple[Example, ...]
    epochs: int
    image_size: int | None = None


def keep_back(items: Sequence[T], fraction: float = KEPT_BACK) -> tuple[list[T], list[T]]:
    """Split at random, the same way every time: what to upload, and what to keep back."""
    shuffled = list(items)
    random.Random(0).shuffle(shuffled)  # noqa: S311 - no secret
    kept = int(len(shuffled) * fraction)
    return shuffled[kept:], shuffled[:kept]
