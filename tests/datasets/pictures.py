"""Pictures made by hand, and what people do to pictures before they upload them once more."""

from __future__ import annotations

import dataclasses
import io

import numpy as np
from PIL import Image, ImageEnhance

from datasets.images import read_info
from datasets.perceptual import Look
from datasets.snapshot import SnapshotImage
from tests.datasets.samples import image

MOST_PIXELS = 10_000_000


def scene(seed: int, side: int = 120) -> Image.Image:
    """A picture of soft shapes, as photos have them; each seed gives another."""
    random = np.random.default_rng(seed)
    blobs = random.integers(0, 256, (15, 15, 3), dtype=np.uint8)
    return Image.fromarray(blobs).resize((side, side), Image.Resampling.BICUBIC)


def saved(picture: Image.Image, format: str = "PNG", **options: object) -> bytes:
    """As a file."""
    stream = io.BytesIO()
    picture.save(stream, format, **options)
    return stream.getvalue()


def trimmed(picture: Image.Image, fraction: float) -> Image.Image:
    """Without so much of each side."""
    across, down = (round(side * fraction) for side in picture.size)
    return picture.crop((across, down, picture.width - across, picture.height - down))


def changed(picture: Image.Image) -> dict[str, bytes]:
    """The same picture, saved otherwise."""
    return {
        "poor JPEG": saved(picture, "JPEG", quality=20),
        "WebP": saved(picture, "WEBP", quality=50),
        "half the size": saved(picture.resize((picture.width // 2, picture.height // 2))),
        "twice the size": saved(picture.resize((picture.width * 2, picture.height * 2))),
        "brighter": saved(ImageEnhance.Brightness(picture).enhance(1.1)),
        "less contrast": saved(ImageEnhance.Contrast(picture).enhance(0.8)),
        "grey": saved(picture.convert("L")),
        "trimmed": saved(trimmed(picture, 0.01)),
    }


def look(content: bytes) -> Look:
    """What the file looks like."""
    info = read_info(content, MOST_PIXELS)
    return Look(info.perceptual_hash, info.thumbnail)


def seen(name: str, content: bytes, *classes: int, split: str = "", groups: tuple[str, ...] = ()) -> SnapshotImage:
    """A stored image of this content."""
    made = image(name, *classes, content=content.hex())
    return dataclasses.replace(made, look=look(content), split=split, groups=groups)
