"""A photo with an EXIF orientation, and where a mark on it is before and after the turn."""

from __future__ import annotations

import io

import numpy as np
from PIL import Image

from datasets.boxes import Box
from datasets.images import decode

MARK = (8, 4, 24, 24)  # left, top, right, bottom in pixels of the file as stored, 80 x 40


def turned_picture(orientation: int) -> tuple[bytes, tuple[int, int, int, int], Box]:
    """The file, the mark as stored, and its box on the upright image, found by looking at the pixels."""
    pixels = np.zeros((40, 80, 3), np.uint8)
    left, top, right, bottom = MARK
    pixels[top:bottom, left:right] = 255
    exif = Image.Exif()
    exif[0x0112] = orientation
    stream = io.BytesIO()
    Image.fromarray(pixels).save(stream, "JPEG", exif=exif, quality=95)
    upright = decode(stream.getvalue(), 10_000)[:, :, 0] > 128
    rows, columns = np.flatnonzero(upright.any(axis=1)), np.flatnonzero(upright.any(axis=0))
    height, width = upright.shape
    box = (
        float(columns[0] + columns[-1] + 1) / 2 / width,
        float(rows[0] + rows[-1] + 1) / 2 / height,
        float(columns[-1] + 1 - columns[0]) / width,
        float(rows[-1] + 1 - rows[0]) / height,
    )
    return stream.getvalue(), MARK, box
