"""What a picture looks like, in a few numbers: equal for pictures that a person takes for the same."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from PIL import Image

_SIDE = 32
THUMBNAIL_SIDE = 16
_KEPT = slice(1, 9)
_LEAST_CONTRAST = 1.0
_SHRINK_GAP = 2.0
# Rows of the discrete cosine transform (type II, orthonormal) that the hash keeps: waves of 1 to 8 half periods.
_WAVES = np.sqrt(2 / _SIDE) * np.cos(np.pi * np.outer(np.arange(_SIDE)[_KEPT], 2 * np.arange(_SIDE) + 1) / (2 * _SIDE))


@dataclass(frozen=True)
class Look:
    """What a picture looks like.

    Attributes:
        hash: 64 bits as a signed number, of which few differ where pictures differ little; 0 when the picture is
            (nearly) of one colour, so that there is nothing to go by.
        thumbnail: grey, 16 x 16, one byte a pixel, row by row.
    """

    hash: int
    thumbnail: bytes


def look_of(image: Image.Image, turn: Image.Transpose | None = None) -> Look:
    """The look of a decoded picture.

    The hash is the perceptual hash of Zauner 2010, "Implementation and Benchmarking of Perceptual Image Hash
    Functions", 3.2.1: which of the 8 x 8 lowest waves of the cosine transform of a grey 32 x 32 reduction, without
    those that do not change along a side, are above the median. The thumbnail is there because a hash of waves does
    not see small things: two pictures of one scene with a small object at different places have the same.

    Args:
        image: of mode L or RGB.
        turn: to be done on it.
    """
    small = image.resize((_SIDE, _SIDE), Image.Resampling.BILINEAR, reducing_gap=_SHRINK_GAP).convert("L")
    grey = np.asarray(small if turn is None else small.transpose(turn), np.float32)
    cells = grey.reshape(THUMBNAIL_SIDE, 2, THUMBNAIL_SIDE, 2).mean((1, 3))
    return Look(_hash(grey), np.rint(cells).astype(np.uint8).tobytes())


def _hash(grey: np.ndarray) -> int:
    if grey.std() < _LEAST_CONTRAST:
        return 0
    waves = (_WAVES @ grey @ _WAVES.T).ravel()
    bits = np.packbits(waves > np.median(waves))
    return int.from_bytes(bits.tobytes(), "big", signed=True)
