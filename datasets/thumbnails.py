"""Small pictures of stored images, for lists and pages."""

from __future__ import annotations

import io

from PIL import Image

from datasets.images import decode

_QUALITY = 85


def thumbnail(content: bytes, max_pixels: int, side_px: int) -> bytes:
    """A JPEG file of an image, EXIF-turned, whose longer side is at most `side_px`; raises as `decode`."""
    picture = Image.fromarray(decode(content, max_pixels))
    picture.thumbnail((side_px, side_px))
    stream = io.BytesIO()
    picture.save(stream, "JPEG", quality=_QUALITY)
    return stream.getvalue()
